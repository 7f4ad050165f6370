"""Each op in keras.ops, with a gradient: one short function for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from ...converter import ops as graph_ops
from ...converter.ops import Op, Shape
from ...errors import BackendError
from .sliding import average_pool, convolve, convolve_transposed, locally_connected, max_pool

__all__ = ["FORWARD", "Parameters", "forward"]

Parameters = Callable[[Any], Any]
"""Takes an array that an op holds, returns the tensor that stands for it; None for None."""


def forward(op: Op, p: Parameters, values: list[Any]) -> Any:
    """Return what an op makes of values ``(batch, *shape)``: `Op.apply` with tensors.

    Raises
    ------
    BackendError
        For an op that is not in the table.
    """
    if type(op) not in FORWARD:
        raise BackendError(f"{op.kind}: expected an op out of {', '.join(sorted(k.__name__ for k in FORWARD))}")
    return FORWARD[type(op)](op, p, *values)


def activate(x: Any, function: str, arguments: Mapping[str, Any]) -> Any:
    """Return a function of `FUNCTIONS` of a tensor."""
    if function in _OWN:
        return _OWN[function](x, **arguments)
    return getattr(keras.activations, function)(x, **arguments)


_OWN: Mapping[str, Callable[..., Any]] = {
    "hard_sigmoid_keras2": lambda x: ops.clip(0.2 * x + 0.5, 0, 1),
    "swish": ops.silu,
    "hard_swish": ops.hard_silu,
    "absolute": ops.abs,
    "square": ops.square,
    "sqrt": ops.sqrt,
    "rsqrt": ops.rsqrt,
    "log": ops.log,
    "sin": ops.sin,
    "cos": ops.cos,
}


def _dense(op: graph_ops.Dense, p: Parameters, x: Any) -> Any:
    y = ops.matmul(x, p(op.kernel))
    return y if op.bias is None else y + p(op.bias)


def _add(op: graph_ops.Add, p: Parameters, *values: Any) -> Any:
    first, *rest = _aligned(values)
    factors = op.factors or (1.0,) * len(values)
    total = first * factors[0]
    for value, factor in zip(rest, factors[1:], strict=True):
        total = total + value * factor
    return total


def _multiply(op: Op, p: Parameters, *values: Any) -> Any:
    first, *rest = _aligned(values)
    for value in rest:
        first = first * value
    return first


def _extremum(op: graph_ops.Extremum, p: Parameters, *values: Any) -> Any:
    first, *rest = _aligned(values)
    for value in rest:
        first = ops.maximum(first, value) if op.largest else ops.minimum(first, value)
    return first


def _aligned(values: tuple[Any, ...]) -> list[Any]:
    """Return values of one rank, with ones after the batch axis where there were fewer."""
    rank = max(v.ndim for v in values)
    return [ops.reshape(v, (-1, *(1,) * (rank - v.ndim), *v.shape[1:])) for v in values]


def _pad(op: graph_ops.Pad, p: Parameters, x: Any) -> Any:
    return ops.pad(x, ((0, 0), *op.padding))


def _crop(op: graph_ops.Crop, p: Parameters, x: Any) -> Any:
    ends = zip(op.cropping, x.shape[1:], strict=True)
    return x[(slice(None), *(slice(before, n - after) for (before, after), n in ends))]


def _slice(op: graph_ops.Slice, p: Parameters, x: Any) -> Any:
    for axis, (part, size) in enumerate(zip(op.slices, x.shape[1:], strict=True), start=1):
        places = range(*slice(*part).indices(size))
        if places != range(size):
            x = ops.take(x, list(places), axis=axis)
    return x


def _upsample(op: graph_ops.Upsample, p: Parameters, x: Any) -> Any:
    for axis, times in enumerate(op.size, start=1):
        x = ops.repeat(x, times, axis) if times > 1 else x
    return x


def _gather(op: graph_ops.Gather, p: Parameters, x: Any) -> Any:
    rows = ops.clip(ops.round(x), 0, len(op.table) - 1)
    return ops.take(p(op.table), ops.cast(rows, "int32"), axis=0)


def _dot(op: graph_ops.Dot, p: Parameters, first: Any, second: Any) -> Any:
    out = op.output_shape(tuple(first.shape[1:]), tuple(second.shape[1:]))
    x, y = ops.moveaxis(first, op.axes[0] + 1, -1), ops.moveaxis(second, op.axes[1] + 1, -1)
    if op.normalized:
        x, y = (_unit_length(v, (-1,)) for v in (x, y))
    size = x.shape[-1]
    left = ops.reshape(x, (-1, math.prod(x.shape[1:-1]), size))
    right = ops.reshape(y, (-1, math.prod(y.shape[1:-1]), size))
    return ops.reshape(ops.matmul(left, ops.swapaxes(right, 1, 2)), (-1, *out))


def _unit_length(x: Any, axes: Shape) -> Any:
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, axis=axes, keepdims=True), 1e-12))


def _standardize(op: graph_ops.Standardize, p: Parameters, x: Any) -> Any:
    shape, axes = x.shape, tuple(a + 1 for a in op.axes)
    if op.groups > 1:
        x = ops.reshape(x, (-1, *shape[1:-1], op.groups, shape[-1] // op.groups))
        axes = tuple(a if a < len(shape) - 1 else a + 1 for a in axes)
    if op.centred:
        x = x - ops.mean(x, axis=axes, keepdims=True)
    y = x / ops.sqrt(ops.mean(x * x, axis=axes, keepdims=True) + op.epsilon)
    return ops.reshape(y, (-1, *shape[1:])) * p(op.scale) + p(op.shift)


def _reduce(op: graph_ops.Reduce, p: Parameters, x: Any) -> Any:
    return getattr(ops, op.how)(x, axis=tuple(a + 1 for a in op.axes), keepdims=op.keepdims)


def _axis_map(op: graph_ops.AxisMap, p: Parameters, x: Any) -> Any:
    for axis, matrix in enumerate(op.matrices, start=1):
        x = ops.moveaxis(ops.tensordot(p(matrix), x, axes=[[1], [axis]]), 0, axis)
    return x


def _over_time(op: graph_ops.OverTime, p: Parameters, x: Any) -> Any:
    y = forward(op.op, p, [ops.reshape(x, (-1, *x.shape[2:]))])
    return ops.reshape(y, (-1, x.shape[1], *y.shape[1:]))


def _rate(op: graph_ops.Neurons, p: Parameters, x: Any) -> Any:
    return ops.relu(x)


FORWARD: Mapping[type[Op], Callable[..., Any]] = {
    graph_ops.Activation: lambda op, p, x: activate(x, op.function, op.arguments),
    graph_ops.Add: _add,
    graph_ops.AtEachStep: lambda op, p, *values: forward(op.op, p, list(values)),
    graph_ops.AvgPool: lambda op, p, x: average_pool(op, x),
    graph_ops.AxisMap: _axis_map,
    graph_ops.Concatenate: lambda op, p, *values: ops.concatenate(values, axis=op.axis + 1),
    graph_ops.Conv: lambda op, p, x: convolve(op, p(op.kernel), p(op.bias), x),
    graph_ops.ConvTranspose: lambda op, p, x: convolve_transposed(op, p(op.kernel), p(op.bias), x),
    graph_ops.Crop: _crop,
    graph_ops.Dense: _dense,
    graph_ops.Dot: _dot,
    graph_ops.Extremum: _extremum,
    graph_ops.Gather: _gather,
    graph_ops.Identity: lambda op, p, x: x,
    graph_ops.LocallyConnected: lambda op, p, x: locally_connected(op, p(op.kernel), p(op.bias), x),
    graph_ops.MaxPool: lambda op, p, x: max_pool(op, x),
    graph_ops.Multiply: _multiply,
    graph_ops.Neurons: _rate,
    graph_ops.Output: lambda op, p, x: activate(x, op.function, op.arguments),
    graph_ops.OverTime: _over_time,
    graph_ops.PReLU: lambda op, p, x: ops.maximum(x, 0) + p(op.alpha) * ops.minimum(x, 0),
    graph_ops.Pad: _pad,
    graph_ops.Permute: lambda op, p, x: ops.transpose(x, (0, *(i + 1 for i in op.order))),
    graph_ops.Reduce: _reduce,
    graph_ops.Reshape: lambda op, p, x: ops.reshape(x, (-1, *op.shape)),
    graph_ops.ScaleShift: lambda op, p, x: x * p(op.scale) + p(op.shift),
    graph_ops.Slice: _slice,
    graph_ops.Standardize: _standardize,
    graph_ops.UnitLength: lambda op, p, x: _unit_length(x, tuple(a + 1 for a in op.axes)),
    graph_ops.Upsample: _upsample,
}
"""Kind of op → its function of the op, its parameters and its inputs; a HostLayer is a Keras layer already."""
