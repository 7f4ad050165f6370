"""snnTorch: ``Leaky`` without a leak, which resets by subtraction."""

from __future__ import annotations

import importlib.metadata

import snntorch
import torch

import torch_peer
import worker


def neurons(voltage: torch.Tensor) -> torch_peer.Fire:
    leaky = snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract")
    if float(voltage.max()) > leaky.threshold:
        raise ValueError("snnTorch resets before the first step what starts above the threshold")

    def fire(currents: torch.Tensor) -> torch.Tensor:
        membrane, spikes = torch_peer.at_start(voltage, currents[0]), []
        for current in currents:
            sent, membrane = leaky(current, membrane)
            spikes.append(sent)
        return torch.stack(spikes)

    return fire


if __name__ == "__main__":
    version = f"snnTorch {importlib.metadata.version('snntorch')}"
    worker.serve(version, torch_peer.candidates(), torch_peer.preparing(neurons))
