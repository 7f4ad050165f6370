"""Layers that put several inputs together."""

from __future__ import annotations

from ..layer_call import LayerCall
from ..ops import Add, Concatenate, Dot, Extremum, Multiply, Op
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to"]


def add(call: LayerCall) -> tuple[Op, ...]:
    """Become a sum of currents."""
    return (Add(),)


def subtract(call: LayerCall) -> tuple[Op, ...]:
    """Become a difference of currents."""
    return (Add(factors=(1.0, -1.0)),)


def average(call: LayerCall) -> tuple[Op, ...]:
    """Become a mean of currents."""
    count = len(call.inputs)
    return (Add(factors=(1.0 / count,) * count),)


def multiply(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host."""
    return (Multiply(),)


def maximum(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host."""
    return (Extremum(largest=True),)


def minimum(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host."""
    return (Extremum(largest=False),)


def dot(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host."""
    axes = call.config.get("axes")
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes) if isinstance(axes, (list, tuple)) else ()
    if len(pair) != 2 or len(call.input_shapes) != 2 or not all(isinstance(a, int) and a != 0 for a in pair):
        raise UnsupportedLayerError("unsupported-argument", f"axes={axes!r}; takes one axis of each of two inputs")
    first, second = (a - 1 if a > 0 else len(s) + a for a, s in zip(pair, call.input_shapes, strict=True))
    return (Dot(axes=(first, second), normalized=bool(call.config.get("normalize", False))),)


def concatenate(call: LayerCall) -> tuple[Op, ...]:
    """Become inputs side by side."""
    axis, rank = call.config.get("axis", -1), len(call.input_shape)
    if not isinstance(axis, int) or not (1 <= axis <= rank or -rank <= axis <= -1):
        raise UnsupportedLayerError("unsupported-argument", f"axis={axis!r}; takes an axis other than the batch")
    return (Concatenate(axis=axis - 1 if axis > 0 else rank + axis),)


def add_to(layers: LayerRegistry) -> None:
    """Register the merging layers."""
    layers.register("Add")(add)
    layers.register("Subtract")(subtract)
    layers.register("Average")(average)
    layers.register("Multiply")(multiply)
    layers.register("Maximum")(maximum)
    layers.register("Minimum")(minimum)
    layers.register("Dot")(dot)
    layers.register("Concatenate")(concatenate)
