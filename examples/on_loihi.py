"""Run a converted network on the Loihi emulator, and see what is on the chip and what stays on the host.

Run it as ``python examples/on_loihi.py``; ``--quick`` uses fewer images. With Intel's NxSDK installed, ``--hardware``
runs the same network on the chip.
"""

from __future__ import annotations

import argparse
import json

import spikeport
from spikeport.demo.digits import digits_data, digits_model


def main() -> None:
    """Deploy the digits model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    parser.add_argument("--hardware", action="store_true", help="run on Loihi instead of the emulator")
    options = parser.parse_args()

    (x_train, _), (x_test, y_test) = digits_data()
    count = 5 if options.quick else 20
    net = spikeport.convert(digits_model(), calibration=x_train[:256], target="loihi")

    # The network is deployed once and then runs any number of samples, each from a clean state.
    deployment = net.deploy("loihi", target="loihi" if options.hardware else "sim")
    result = deployment.run([x_test[:count]], n_steps=32)
    right = int((result.output.argmax(axis=1) == y_test[:count]).sum())
    print(f"{right} of {count} right after {result.n_steps} steps")
    print(json.dumps(deployment.facts, indent=2))


if __name__ == "__main__":
    main()
