"""What the report says of max pooling: in which form it acts on spikes, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dynamics import Signal
from ..graph import Graph, Node
from ..ops import Activation, Array, Concatenate, Crop, MaxPool, Neurons, OverTime, Pad
from ..report import ReportBuilder

__all__ = ["note_pool_cost", "tell_max_pooling"]


def tell_max_pooling(graph: Graph, report: ReportBuilder) -> None:
    """Say of max pooling that reads events alone that its output stays events."""
    for node in graph.nodes.values():
        if not _is_max_pool(node) or not _sends_events(graph, graph.input_of(node)):
            continue
        report.became([name for name in node.layers if report.code_of(name) == "max-pool-host"], "max-pool-counts")


def note_pool_cost(
    node: Node, pooled: Signal, inputs: Sequence[Signal], target: Array, n_steps: int, report: ReportBuilder
) -> None:
    """Add the error of max pooling on spikes to the report, as shares of the range of the model's own pooled values.

    Parameters
    ----------
    node
        Anything else than max pooling is left alone.
    pooled, inputs
        What it puts out and what it reads, over the steps.
    target
        The pooled activations of the model: ``(batch, *shape)``.
    """
    if not _is_max_pool(node):
        return
    span = float(np.ptp(target)) or 1.0
    found = pooled.values.mean(axis=0)
    of_means = node.op.apply(inputs[0].values.mean(axis=0))
    error = float(np.abs(found - target).mean()) / span
    own = float(np.abs(found - of_means).mean()) / span
    told = f"{100 * error:.2f} % of the range after {n_steps} steps, {100 * own:.2f} % from the pooling itself"
    report.figures(node.layers[:1], pooling_error=told)


def _is_max_pool(node: Node) -> bool:
    return isinstance(node.op.op if isinstance(node.op, OverTime) else node.op, MaxPool)


def _sends_events(graph: Graph, node: Node) -> bool:
    """Say whether all values of a node are events, with one threshold for each channel."""
    op = node.op
    if isinstance(op, Neurons) or (isinstance(op, Activation) and op.is_relu):
        return True
    beside = isinstance(op, Concatenate) and op.axis == len(node.shape) - 1
    carries = beside or isinstance(op, (Crop, Pad)) or _is_max_pool(node)
    return carries and all(_sends_events(graph, graph.nodes[name]) for name in node.inputs)
