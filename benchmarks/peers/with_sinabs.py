"""sinabs: ``IAF``, one spike a step at most."""

from __future__ import annotations

import importlib.metadata

import sinabs.activation
import sinabs.layers
import torch

import torch_peer
import worker


def neurons(voltage: torch.Tensor) -> torch_peer.Fire:
    layer = sinabs.layers.IAF(spike_fn=sinabs.activation.SingleSpike).eval()

    def fire(currents: torch.Tensor) -> torch.Tensor:
        layer.v_mem = torch_peer.at_start(voltage, currents[:, 0])
        return layer(currents)

    return fire


if __name__ == "__main__":
    version = f"sinabs {importlib.metadata.version('sinabs')}"
    worker.serve(version, torch_peer.candidates(), torch_peer.preparing(neurons, time_axis=1))
