"""Operations among the layers: ``x + 1`` and ``ops.relu(x)`` of Keras 3, TFOpLambda and SlicingOpLambda of Keras 2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import numpy as np

from ..layer_call import LayerCall
from ..ops import (
    FUNCTIONS,
    Activation,
    Add,
    Array,
    Concatenate,
    Extremum,
    Identity,
    Multiply,
    Op,
    Permute,
    Reduce,
    Reshape,
    ScaleShift,
    Slice,
)
from .operands import operands, sample_constant
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["OPERATIONS", "add_to", "operation_name"]


def _binary(call: LayerCall) -> tuple[Array | None, Array | None]:
    values = operands(call).values
    if len(values) != 2:
        raise UnsupportedLayerError("shape-mismatch", f"expected two operands, received {len(values)}")
    first, second = (None if v is None else sample_constant(call, v) for v in values)
    return first, second


def _shifted(scale: float, shift: Array) -> ScaleShift:
    return ScaleShift(scale=np.array([scale], np.float32), shift=shift)


def _times(factor: Array) -> ScaleShift:
    return ScaleShift(scale=factor, shift=np.zeros(1, np.float32))


def _add(call: LayerCall) -> tuple[Op, ...]:
    first, second = _binary(call)
    constant = first if first is not None else second
    return (Add(),) if constant is None else (_shifted(1.0, constant),)


def _subtract(call: LayerCall) -> tuple[Op, ...]:
    first, second = _binary(call)
    if second is not None:
        return (_shifted(1.0, -second),)
    return (Add(factors=(1.0, -1.0)),) if first is None else (_shifted(-1.0, first),)


def _multiply(call: LayerCall) -> tuple[Op, ...]:
    first, second = _binary(call)
    constant = first if first is not None else second
    return (Multiply(),) if constant is None else (_times(constant),)


def _divide(call: LayerCall) -> tuple[Op, ...]:
    _, second = _binary(call)
    if second is None or not np.all(second):
        raise UnsupportedLayerError(
            "unsupported-argument", "a divisor that is not a constant; takes numbers other than 0"
        )
    return (_times(1 / second),)


def _extremum(call: LayerCall, largest: bool) -> tuple[Op, ...]:
    first, second = _binary(call)
    constant = first if first is not None else second
    if constant is None:
        return (Extremum(largest=largest),)
    relu = Activation(function="relu")
    if largest:  # max(x, c) = relu(x - c) + c
        return _shifted(1.0, -constant), relu, _shifted(1.0, constant)
    return _shifted(-1.0, constant), relu, _shifted(-1.0, constant)  # min(x, c) = c - relu(c - x)


def _clip(call: LayerCall) -> tuple[Op, ...]:
    given = operands(call, ("x_min", "x_max"), ("clip_value_min", "clip_value_max"))
    low = given.argument("x_min", "clip_value_min")
    high = given.argument("x_max", "clip_value_max")
    if not all(isinstance(v, (int, float)) for v in (low, high)) or not low < high:
        raise UnsupportedLayerError("unsupported-argument", f"limits {low!r} and {high!r}; takes two numbers")
    limit = Activation(function="relu", arguments={"max_value": float(high) - float(low)})
    if low == 0:
        return (limit,)
    ends = np.array([low], np.float32)
    return _shifted(1.0, -ends), limit, _shifted(1.0, ends)


def _negative(call: LayerCall) -> tuple[Op, ...]:
    return (_times(np.array([-1.0], np.float32)),)


def _concatenate(call: LayerCall) -> tuple[Op, ...]:
    axis = operands(call, ("axis",)).argument("axis", default=0)
    (place,) = _axes(call, axis)
    return (Concatenate(axis=place),)


def _axes(call: LayerCall, axis: Any, *, rank: int | None = None) -> tuple[int, ...]:
    """Return axes of the sample, from 0, of an argument that counts the batch; None means all of them."""
    rank = len(call.input_shape) if rank is None else rank
    given = list(range(1, rank + 1)) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    if not given or not all(isinstance(a, int) and (1 <= a <= rank or -rank <= a <= -1) for a in given):
        raise UnsupportedLayerError("unsupported-argument", f"axis={axis!r}; takes axes other than the batch")
    return tuple(sorted({a - 1 if a > 0 else rank + a for a in given}))


def _reduce(call: LayerCall, how: str) -> tuple[Op, ...]:
    given = operands(call, ("axis", "keepdims"))
    axis = given.argument("axis")
    if axis is None:
        raise UnsupportedLayerError("unsupported-argument", "axis=None, which puts samples together; takes axes")
    return (Reduce(axes=_axes(call, axis), keepdims=bool(given.argument("keepdims", default=False)), how=how),)


def _reshape(call: LayerCall) -> tuple[Op, ...]:
    target = operands(call, ("newshape",), ("shape", "target_shape")).argument("newshape", "shape", "target_shape")
    size = int(np.prod(call.input_shape))
    if not isinstance(target, (list, tuple)) or not all(isinstance(n, int) for n in target) or len(target) < 2:
        raise UnsupportedLayerError("unsupported-argument", f"shape={target!r}; takes whole numbers")
    rest = target[1:]  # the first is the batch
    known = int(np.prod([n for n in rest if n != -1]))
    if target[0] != -1 or rest.count(-1) > 0 or known != size:
        raise UnsupportedLayerError(
            "unsupported-argument", f"shape={target!r}; takes -1 for the batch and {size} values"
        )
    return (Reshape(shape=tuple(rest)),)


def _transpose(call: LayerCall) -> tuple[Op, ...]:
    axes = operands(call, ("axes",), ("perm",)).argument("axes", "perm")
    rank = len(call.input_shape)
    if not isinstance(axes, (list, tuple)) or list(axes[:1]) != [0] or sorted(axes) != list(range(rank + 1)):
        raise UnsupportedLayerError("unsupported-argument", f"axes={axes!r}; takes all axes, the batch first")
    return (Permute(order=tuple(a - 1 for a in axes[1:])),)


def _expand_dims(call: LayerCall) -> tuple[Op, ...]:
    axis = operands(call, ("axis",)).argument("axis")
    (place,) = _axes(call, axis, rank=len(call.input_shape) + 1)
    shape = list(call.input_shape)
    shape.insert(place, 1)
    return (Reshape(shape=tuple(shape)),)


def _squeeze(call: LayerCall) -> tuple[Op, ...]:
    axis = operands(call, ("axis",)).argument("axis")
    ones = tuple(i + 1 for i, n in enumerate(call.input_shape) if n == 1)
    places = _axes(call, list(ones) if axis is None else axis)
    if any(call.input_shape[p] != 1 for p in places):
        raise UnsupportedLayerError("unsupported-argument", f"axis={axis!r}; takes axes of size 1")
    return (Reshape(shape=tuple(n for i, n in enumerate(call.input_shape) if i not in places)),)


def _flatten(call: LayerCall) -> tuple[Op, ...]:
    return (Reshape(shape=(int(np.prod(call.input_shape)),)),)


def _get_item(call: LayerCall) -> tuple[Op, ...]:
    key = operands(call, ("key",), ("slice_spec",)).argument("key", "slice_spec")
    rank = len(call.input_shape)
    items = _written_out(key if isinstance(key, list) else [key], rank + 1)
    if items[0] is None or isinstance(items[0], int) or _slice_of(items[0]) != (None, None, None):
        raise UnsupportedLayerError("unsupported-argument", f"index {key!r:.60}; takes ':' for the batch")
    slices: list[tuple[int | None, int | None, int | None]] = []
    kept: list[int | None] = []  # axes of the input; None is a new one
    for item in items[1:]:
        if item is None:
            kept.append(None)
        elif isinstance(item, int):
            n = call.input_shape[len(slices)]
            if not -n <= item < n:
                raise UnsupportedLayerError("unsupported-argument", f"index {item}; takes {-n} to {n - 1}")
            slices.append((item % n, item % n + 1, 1))
        else:
            kept.append(len(slices))
            slices.append(_slice_of(item))
    cut = Slice(slices=tuple(slices))
    if kept == list(range(rank)):
        return (cut,)
    shape = cut.output_shape(call.input_shape)
    return cut, Reshape(shape=tuple(1 if axis is None else shape[axis] for axis in kept))


def _written_out(items: list[Any], axes: int) -> list[Any]:
    """Return an index with ':' for every axis that it leaves out, at its '...' or at the end."""
    dots = [i for i, v in enumerate(items) if v is ... or (isinstance(v, Mapping) and v.get("class_name") == _ELLIPSIS)]
    missing = axes - sum(v is not None for v in items) + len(dots)
    if len(dots) > 1 or missing < 0:
        raise UnsupportedLayerError("unsupported-argument", f"index {items!r:.60}; takes one for each axis at most")
    whole = [{"start": None, "stop": None, "step": None}] * missing
    place = dots[0] if dots else len(items)
    return [*items[:place], *whole, *items[place + 1 :]]


def _slice_of(item: Any) -> tuple[int | None, int | None, int | None]:
    parts = item.get("config", item) if isinstance(item, Mapping) else None
    if not isinstance(parts, Mapping) or not {"start", "stop", "step"} <= set(parts):
        raise UnsupportedLayerError("unsupported-argument", f"index {item!r:.60}; takes slices and whole numbers")
    start, stop, step = (parts[name] for name in ("start", "stop", "step"))
    if not all(v is None or isinstance(v, int) for v in (start, stop, step)):
        raise UnsupportedLayerError("unsupported-argument", f"index {item!r:.60}; takes slices and whole numbers")
    return start, stop, step


def _function(call: LayerCall, name: str) -> tuple[Op, ...]:
    if len(call.inputs) != 1:
        raise UnsupportedLayerError("shape-mismatch", f"expected one input, received {len(call.inputs)}")
    parameters = list(signature(FUNCTIONS[name]).parameters)[1:]
    others = ("alpha",) if name == "leaky_relu" else ()  # as TensorFlow calls it
    named = operands(call, (), (*parameters, *others)).named
    arguments = {k: named[k] for k in parameters if k in named}
    if "axis" in arguments and arguments["axis"] is None:
        if call.layer_type.startswith("ops."):
            raise UnsupportedLayerError("unsupported-argument", "axis=None, which puts samples together; takes axes")
        del arguments["axis"]  # TensorFlow's word for the last
    if name == "leaky_relu":
        slope = float(arguments.get("negative_slope", named.get("alpha", 0.2)))
        return (Activation(function="relu", arguments={"negative_slope": slope}),)
    if name == "relu6":
        return (Activation(function="relu", arguments={"max_value": 6.0}),)
    return (Activation(function=name, arguments=arguments),)


def _identity(call: LayerCall) -> tuple[Op, ...]:
    return (Identity(),)


_ALIASES: Mapping[str, str] = {
    "abs": "absolute",
    "addv2": "add",
    "amax": "max",
    "amin": "min",
    "clip_by_value": "clip",
    "concat": "concatenate",
    "concat_v2": "concatenate",
    "getitem": "get_item",
    "mul": "multiply",
    "neg": "negative",
    "realdiv": "divide",
    "reduce_max": "max",
    "reduce_mean": "mean",
    "reduce_min": "min",
    "reduce_sum": "sum",
    "stop_gradient": "identity",
    "sub": "subtract",
    "swish": "silu",
    "true_divide": "divide",
    "truediv": "divide",
    "batch_flatten": "flatten",
    "exp": "exponential",
    "re_lu": "relu",
}

_ELLIPSIS = "__ellipsis__"

OPERATIONS: Mapping[str, Callable[[LayerCall], tuple[Op, ...]]] = {
    "add": _add,
    "clip": _clip,
    "concatenate": _concatenate,
    "divide": _divide,
    "expand_dims": _expand_dims,
    "flatten": _flatten,
    "get_item": _get_item,
    "identity": _identity,
    "max": lambda call: _reduce(call, "max"),
    "maximum": lambda call: _extremum(call, True),
    "mean": lambda call: _reduce(call, "mean"),
    "min": lambda call: _reduce(call, "min"),
    "minimum": lambda call: _extremum(call, False),
    "multiply": _multiply,
    "negative": _negative,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "subtract": _subtract,
    "sum": lambda call: _reduce(call, "sum"),
    "transpose": _transpose,
}
"""Each operation by its name in keras.ops; the functions of one value are those of `FUNCTIONS`."""

_MAX_NAME = 60


def operation_name(call: LayerCall) -> str:
    """Return the name under which an operation is known here: "ops.GetItem" is "get_item", "nn.relu" is "relu"."""
    name = _written_name(call).rsplit(".", 1)[-1]
    plain = re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return _ALIASES.get(plain, plain)


def _written_name(call: LayerCall) -> str:
    return str(call.config.get("function", "")) if "OpLambda" in call.layer_type else call.layer_type


def operation(call: LayerCall) -> tuple[Op, ...]:
    """Become the op of the same name: arithmetic, activations, slices, reductions and changes of shape."""
    name = operation_name(call)
    if name in OPERATIONS:
        return OPERATIONS[name](call)
    if name in FUNCTIONS:
        return _function(call, name)
    known = ", ".join(sorted({*OPERATIONS, *FUNCTIONS}))
    raise UnsupportedLayerError(
        "unsupported-argument", f"the operation {_written_name(call)[:_MAX_NAME]}; takes {known}"
    )


def add_to(layers: LayerRegistry) -> None:
    """Register the operations: one name stands for all of Keras 3's."""
    layers.register("ops.*", "TFOpLambda", "SlicingOpLambda")(operation)
