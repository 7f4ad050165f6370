"""Layers that put several inputs together."""

from __future__ import annotations

from ..layer_call import LayerCall
from ..ops import Add, Concatenate, Multiply, Op
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
    layers.register("Concatenate")(concatenate)
