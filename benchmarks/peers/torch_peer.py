"""What the programs on PyTorch share: the network with their neurons, the settings to try, samples in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import spiking_graph
import worker
from torch_network import Fire, TorchNetwork, batch_sizes
from unit_thresholds import with_unit_thresholds

MakeNeurons = Callable[[torch.Tensor], Fire]


def candidates() -> list[dict[str, Any]]:
    """Batch sizes that fit the memory, in both orders of memory."""
    sizes = batch_sizes(spiking_graph.read(worker.folder()), worker.steps())
    return [{"batch": batch, "channels_last": last} for batch in sizes for last in (False, True)]


def preparing(make_neurons: MakeNeurons | None, time_axis: int = 0) -> Callable[[dict[str, Any]], Any]:
    """Return what `worker.serve` wants: of the spiking network, or of the dense one where there are no neurons."""
    nodes = spiking_graph.read(worker.folder())
    if make_neurons:
        nodes = with_unit_thresholds(nodes)

    def prepare(settings: dict[str, Any]) -> Any:
        steps = worker.steps() if make_neurons else 0
        network = TorchNetwork(nodes, make_neurons, steps, channels_last=settings["channels_last"], time_axis=time_axis)
        return lambda x: _work(network, x, settings["batch"])

    return prepare


def at_start(voltage: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The membranes of a batch before the first step, in an array of their own."""
    return torch.empty_like(like).copy_(voltage)


def _work(network: TorchNetwork, x: np.ndarray, batch: int) -> Callable[[], np.ndarray]:
    parts = [network.samples(x[part]) for part in worker.batches(len(x), batch)]

    def run() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([network(part) for part in parts]).numpy()

    return run
