"""How many synapses an event passes: what synaptic operations are counted with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..converter.graph import Graph
from ..converter.ops import (
    Add,
    Array,
    AvgPool,
    AxisMap,
    Cell,
    Conv,
    ConvTranspose,
    Dense,
    LocallyConnected,
    Op,
    Output,
    OverTime,
    Reduce,
    ScaleShift,
    Shape,
)
from ..converter.ops.window import window_slices

__all__ = ["fan_out"]


def fan_out(graph: Graph) -> Mapping[str, Array]:
    """Return, for each node, how many synapses one event at each of its values passes.

    An event reaches the first layers with weights (Dense, Conv …) behind it, directly or through ops that only move or
    average values; each weight that it meets there is one synapse. Entering neurons without weights between counts one.

    Returns
    -------
    synapses
        Node name → float64 of the node's shape.
    """
    counts: dict[str, Array] = {}
    for node in reversed(list(graph.nodes.values())):
        total = np.zeros(node.shape)
        for name in dict.fromkeys(graph.consumers[node.name]):  # a reader of x + x is there twice
            reader = graph.nodes[name]
            shapes = [graph.nodes[source].shape for source in reader.inputs]
            for place, source in enumerate(reader.inputs):
                if source == node.name:
                    total += _passed(reader.op, place, shapes, counts[reader.name])
        if isinstance(node.op, Cell) and node.op.recurrent is not None:
            total += node.op.recurrent.shape[1]
        counts[node.name] = total
    return counts


def _passed(op: Op, place: int, shapes: Sequence[Shape], behind: Array) -> Array:
    """Return the synapses that an event at each value of one input of an op passes.

    Parameters
    ----------
    place
        Which of the op's inputs.
    shapes
        The shapes of all its inputs.
    behind
        The synapses behind each value of its output.
    """
    shape = shapes[place]
    if isinstance(op, OverTime):
        inner = [s[1:] for s in shapes]
        return np.stack([_passed(op.op, place, inner, part) for part in behind])
    if isinstance(op, Dense):
        return np.full(shape, float(op.kernel.shape[1]))
    if isinstance(op, Conv):
        ones = np.full(behind.shape[:-1], op.kernel.shape[-1] / op.groups)
        spread = _spread(ones[..., None], op.window, op.strides, op.dilation, op.padding, shape)
        return np.broadcast_to(spread, shape)
    if isinstance(op, ConvTranspose):
        return np.broadcast_to(op.reached(shape)[..., None] * op.kernel.shape[-2], shape)
    if isinstance(op, LocallyConnected):
        rank = len(op.window)
        ones = np.full((*behind.shape[:-1], 1), float(op.kernel.shape[-1]))
        spread = _spread(ones, op.window, op.strides, (1,) * rank, ((0, 0),) * rank, shape)
        return np.broadcast_to(spread, shape)
    if isinstance(op, AvgPool):
        return _spread(behind, op.pool_size, op.strides, (1,) * len(op.pool_size), op.padding, shape)
    if isinstance(op, AxisMap):
        turned = AxisMap(matrices=tuple((m != 0).T.astype(np.float64) for m in op.matrices))
        return np.asarray(turned.apply(behind[None])[0])
    if isinstance(op, Reduce) and op.linear:
        kept = behind if op.keepdims else np.expand_dims(behind, op.axes)
        return np.broadcast_to(kept, shape)
    if isinstance(op, (Add, ScaleShift)):
        return _unbroadcast(behind, shape)
    if not op.linear or isinstance(op, Output):
        return np.ones(shape)
    return _gathered(op, place, shapes, behind)


def _spread(
    behind: Array,
    size: Shape,
    strides: Shape,
    dilation: Shape,
    padding: tuple[tuple[int, int], ...],
    shape: Shape,
) -> Array:
    """Add what each window holds to every value inside the window: the transpose of a sum over windows."""
    padded = np.zeros((1, *(n + a + b for n, (a, b) in zip(shape, padding, strict=False)), behind.shape[-1]))
    for _, where in window_slices(size, strides, dilation, behind.shape[:-1]):
        padded[where] += behind[None]
    inside = tuple(slice(a, a + n) for n, (a, _) in zip(shape, padding, strict=False))
    return np.asarray(padded[0][inside])


def _gathered(op: Op, place: int, shapes: Sequence[Shape], behind: Array) -> Array:
    """Return the transpose of an op that moves values, found by sending each value's number through it."""
    size = math.prod(shapes[place])
    inputs = [np.zeros((1, *shape)) for shape in shapes]
    inputs[place] = np.arange(1, size + 1, dtype=np.float64).reshape(1, *shapes[place])
    landed = op.apply(*inputs).reshape(-1).astype(np.int64)
    sums = np.bincount(landed, weights=behind.reshape(-1), minlength=size + 1)
    return sums[1:].reshape(shapes[place])


def _unbroadcast(values: Array, shape: Shape) -> Array:
    """Sum over the axes along which an input was broadcast."""
    extra = values.ndim - len(shape)
    values = values.sum(axis=tuple(range(extra)))
    for axis, n in enumerate(shape):
        if n == 1 and values.shape[axis] != 1:
            values = values.sum(axis=axis, keepdims=True)
    return values
