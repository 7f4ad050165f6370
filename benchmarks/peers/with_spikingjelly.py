"""SpikingJelly: ``IFNode`` in its multi-step mode, without a reset voltage, which is a reset by subtraction."""

from __future__ import annotations

import importlib.metadata

import torch
from spikingjelly.activation_based import neuron

import torch_peer
import worker


def neurons(voltage: torch.Tensor) -> torch_peer.Fire:
    node = neuron.IFNode(v_threshold=1.0, v_reset=None, step_mode="m").eval()

    def fire(currents: torch.Tensor) -> torch.Tensor:
        node.reset()
        node.v = torch_peer.at_start(voltage, currents[0])
        return node(currents)

    return fire


if __name__ == "__main__":
    version = f"SpikingJelly {importlib.metadata.version('spikingjelly')}"
    worker.serve(version, torch_peer.candidates(), torch_peer.preparing(neurons))
