"""The range of the values that the host's neurons encode as spikes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import ceil, log2

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array, Input, Permute, Reshape
from .analog import evaluate_from
from .presentation import fed

__all__ = ["Ranges", "encoded_ranges", "input_range"]

Ranges = Mapping[str, tuple[float, bool]]
_BATCH = 32  # samples that are computed together


def encoded_ranges(graph: Graph, encoded: Collection[str], samples: Sequence[Array]) -> Ranges:
    """Return, for each encoded node, the largest value that its neurons can send, and whether some are negative.

    The range that the conversion saw, where the node only moves input values; else the largest value of these
    samples. It is rounded up to a power of two, so that samples of one kind share a network.
    """
    largest, lowest = dict.fromkeys(encoded, 0.0), dict.fromkeys(encoded, 0.0)
    known = {name: found for name in encoded if (found := input_range(graph, name)) is not None}
    for feeds in fed(graph, samples, _BATCH) if set(encoded) - set(known) else ():
        driving = evaluate_from(graph, feeds, encoded)
        for name in encoded:
            largest[name] = max(largest[name], float(np.abs(driving[name]).max(initial=0.0)))
            lowest[name] = min(lowest[name], float(driving[name].min(initial=0.0)))
    for name, (low, high) in known.items():
        lowest[name], largest[name] = low, max(abs(low), abs(high))
    return {n: (2.0 ** ceil(log2(x)) if x > 0 else 1.0, lowest[n] < 0) for n, x in largest.items()}


def input_range(graph: Graph, name: str) -> tuple[float, float] | None:
    """Return the range of the input whose values this node only moves, as calibration saw it."""
    node = graph.nodes[name]
    while isinstance(node.op, (Reshape, Permute)):
        node = graph.input_of(node)
    if isinstance(node.op, Input) and node.op.low is not None and node.op.high is not None:
        return node.op.low, node.op.high
    return None
