"""How many samples go through the spiking network at calibration: as many as memory and patience allow."""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph import Graph, Node
from ..ops import Conv, ConvTranspose, Dense

__all__ = ["samples_that_fit"]

_MEMORY = 2**30  # bytes of all values that are held at once
_WORK = 10**11  # products of weights and values, over all samples and steps: some seconds to a minute
_LEAST_SAMPLES = 8  # however long these take


def samples_that_fit(graph: Graph, n_steps: int, wanted: int) -> int:
    """Return how many of the wanted samples go through the spiking network together, at least 1.

    Few for large networks and many steps: so many that their values over all the steps fit the memory, and at least 8
    of these, however long they take.
    """
    per_sample = 4 * (n_steps + 1) * _values_at_once(graph)
    work = n_steps * sum(_products(graph, node) for node in graph.nodes.values())
    in_time = max(_WORK // max(work, 1), _LEAST_SAMPLES)
    return max(1, min(wanted, in_time, _MEMORY // max(per_sample, 1)))


def _values_at_once(graph: Graph) -> int:
    """Return the most values of one sample that are held at once."""
    left = {name: len(readers) for name, readers in graph.consumers.items()}
    held = most = 0
    for node in graph.nodes.values():
        held += prod(node.shape)
        most = max(most, held + prod(node.shape))  # an op's copy of what it computes on
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                held -= prod(graph.nodes[name].shape)
    return most


def _products(graph: Graph, node: Node) -> int:
    """Return the products of weights and values in one step of one sample."""
    op = node.op
    if isinstance(op, Conv):
        return prod(node.shape[:-1]) * int(np.size(op.kernel))
    if isinstance(op, Dense | ConvTranspose):
        places = prod(graph.nodes[node.inputs[0]].shape[:-1])
        return places * int(np.size(op.kernel))
    return 0
