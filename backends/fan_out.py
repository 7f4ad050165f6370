"""How many synapses an event passes: what synaptic operations are counted with."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..converter.graph import Graph, Node
from ..converter.ops import Array, AvgPool, Conv, Dense, Shape
from ..converter.ops.window import window_slices

__all__ = ["fan_out"]


def fan_out(graph: Graph) -> Mapping[str, Array]:
    """Return, for each node, how many synapses one event at each of its values passes.

    An event reaches the first layers with weights (Dense, Conv) behind it, directly or through ops that only move or
    average values; each weight that it meets there is one synapse. Entering neurons without weights between counts one.

    Returns
    -------
    synapses
        Node name → float64 of the node's shape.
    """
    counts: dict[str, Array] = {}
    for node in reversed(list(graph.nodes.values())):
        total = np.zeros(node.shape)
        for name in graph.consumers[node.name]:
            reader = graph.nodes[name]
            for place, source in enumerate(reader.inputs):
                if source == node.name:
                    total += _passed(graph, reader, place, node.shape, counts[reader.name])
        counts[node.name] = total
    return counts


def _passed(graph: Graph, reader: Node, place: int, shape: Shape, behind: Array) -> Array:
    """Return the synapses that an event at each value of an input of this reader passes."""
    op = reader.op
    if isinstance(op, Dense):
        return np.full(shape, float(op.kernel.shape[1]))
    if isinstance(op, Conv):
        ones = np.full(reader.shape[:-1], op.kernel.shape[-1] / op.groups)
        spread = _spread(ones[..., None], op.window, op.strides, op.dilation, op.padding, shape)
        return np.broadcast_to(spread, shape)
    if isinstance(op, AvgPool):
        return _spread(behind, op.pool_size, op.strides, (1,) * len(op.pool_size), op.padding, shape)
    if not op.linear:
        return np.ones(shape)
    return _gathered(graph, reader, place, shape, behind)


def _spread(
    behind: Array, size: Shape, strides: Shape, dilation: Shape, padding: tuple[tuple[int, int], ...], shape: Shape
) -> Array:
    """Add what each window holds to every value inside the window: the transpose of a sum over windows."""
    padded = np.zeros((1, *(n + a + b for n, (a, b) in zip(shape, padding, strict=False)), behind.shape[-1]))
    for _, where in window_slices(size, strides, dilation, behind.shape[:-1]):
        padded[where] += behind[None]
    inside = tuple(slice(a, a + n) for n, (a, _) in zip(shape, padding, strict=False))
    return np.asarray(padded[0][inside])


def _gathered(graph: Graph, reader: Node, place: int, shape: Shape, behind: Array) -> Array:
    """Return the transpose of an op that moves values, found by sending each value's number through it."""
    numbers = np.arange(1, math.prod(shape) + 1, dtype=np.float64).reshape(1, *shape)
    inputs = [np.zeros((1, *graph.nodes[name].shape)) for name in reader.inputs]
    inputs[place] = numbers
    if reader.op.kind in ("Add", "ScaleShift"):
        return _unbroadcast(behind, shape)
    landed = reader.op.apply(*inputs).reshape(-1).astype(np.int64)
    sums = np.bincount(landed, weights=behind.reshape(-1), minlength=math.prod(shape) + 1)
    return sums[1:].reshape(shape)


def _unbroadcast(values: Array, shape: Shape) -> Array:
    """Sum over the axes along which an input was broadcast."""
    extra = values.ndim - len(shape)
    values = values.sum(axis=tuple(range(extra)))
    for axis, n in enumerate(shape):
        if n == 1 and values.shape[axis] != 1:
            values = values.sum(axis=axis, keepdims=True)
    return values
