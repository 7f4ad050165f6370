"""spikeport itself: ``with_spikeport.py FOLDER STEPS NAME`` runs the network file of that name."""

from __future__ import annotations

import sys
from typing import Any

import spikeport
import worker


def prepare(settings: dict[str, Any]) -> Any:
    net = spikeport.load(worker.folder() / f"{sys.argv[3]}.h5")
    deployed = net.deploy("cpu")
    output = next(iter(net.graph.outputs))

    def with_samples(x: Any) -> Any:
        return lambda: deployed.run([x], worker.steps()).outputs[output].argmax(axis=-1)

    return with_samples


if __name__ == "__main__":
    worker.serve(f"spikeport {spikeport.__version__}", [{}], prepare)
