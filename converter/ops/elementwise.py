"""Ops that act on each value by itself: ScaleShift, Add, Multiply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape

__all__ = ["Add", "Multiply", "ScaleShift"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaleShift(Op):
    """``y = x · scale + shift``, with one scale and shift for each channel (the last axis), or one for all."""

    scale: Array
    shift: Array

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        for parameter in (self.scale, self.shift):
            if parameter.size not in (1, shape[-1] if shape else 1):
                raise ValueError(f"ScaleShift expected {parameter.size} channels along the last axis, received {shape}")
        return shape

    def apply(self, *values: Array) -> Array:
        (x,) = values
        return np.asarray(x * as_type_of(self.scale, x) + as_type_of(self.shift, x))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Merge(Op):
    """What the merging ops share: two or more inputs, broadcast against each other as Keras does."""

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) < 2:
            raise ValueError(f"{self.kind} expected at least two inputs, received {len(shapes)}")
        rank = max(len(s) for s in shapes)
        # Keras aligns the batch axes and inserts ones after them
        full = [(1,) * (rank - len(s)) + s for s in shapes]
        try:
            return tuple(int(n) for n in np.broadcast_shapes(*full))
        except ValueError:
            raise ValueError(f"{self.kind} expected shapes that agree, received {shapes}") from None

    def _aligned(self, values: tuple[Array, ...]) -> list[Array]:
        rank = max(v.ndim for v in values)
        return [v.reshape(len(v), *(1,) * (rank - v.ndim), *v.shape[1:]) for v in values]


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(_Merge):
    """The sum of the inputs, each times its factor: ``(1, -1)`` subtracts, ``(0.5, 0.5)`` is a mean; () is all ones."""

    factors: tuple[float, ...] = ()

    def output_shape(self, *shapes: Shape) -> Shape:
        if self.factors and len(self.factors) != len(shapes):
            raise ValueError(f"Add expected {len(self.factors)} inputs, received {len(shapes)}")
        return super().output_shape(*shapes)

    def apply(self, *values: Array) -> Array:
        aligned = self._aligned(values)
        factors = self.factors or (1.0,) * len(aligned)
        total = aligned[0] if factors[0] == 1 else aligned[0] * factors[0]
        for value, factor in zip(aligned[1:], factors[1:], strict=True):
            total = total + (value if factor == 1 else value * factor)
        return np.asarray(total)


@dataclass(frozen=True, eq=False, kw_only=True)
class Multiply(_Merge):
    """The product of the inputs."""

    linear: ClassVar[bool] = False

    def apply(self, *values: Array) -> Array:
        first, second, *rest = self._aligned(values)
        product = first * second
        for value in rest:
            product = product * value
        return np.asarray(product)
