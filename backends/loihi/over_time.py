"""A part of a graph over the steps, as the host computes it: from signals that are known to those that are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ...converter.dynamics import Signal, apply_over_steps, fire
from ...converter.graph import Graph, Node
from ...converter.ops import Neurons, Output
from .analog import nodes_behind

__all__ = ["signals_from"]


def signals_from(graph: Graph, known: Mapping[str, Signal], wanted: Iterable[str], n_steps: int) -> dict[str, Signal]:
    """Return the wanted nodes' values at each step, float64, computing only what lies behind the known ones.

    Of an output it is the read-out: the last activation of the mean so far.
    """
    wanted, found = tuple(wanted), dict(known)
    for node in nodes_behind(graph, known, wanted):
        found[node.name] = _signal(node, [found[i] for i in node.inputs], n_steps)
    return {name: found[name] for name in wanted}


def _signal(node: Node, inputs: list[Signal], n_steps: int) -> Signal:
    op = node.op
    if isinstance(op, Neurons):
        events = fire(op, node.shape, inputs[0], n_steps)
        return Signal(events * op.threshold_of(node.shape).reshape(node.shape), False)
    if isinstance(op, Output):
        values = inputs[0].over(n_steps)
        counts = np.arange(1, n_steps + 1).reshape(-1, *(1,) * (values.ndim - 1))
        means = np.cumsum(values, axis=0) / counts
        return Signal(op.apply(means.reshape(-1, *node.shape)).reshape(means.shape), False)
    return apply_over_steps(op, inputs, n_steps)
