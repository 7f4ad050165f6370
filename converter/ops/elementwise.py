"""Ops that act on each value by itself: ScaleShift, PReLU, Add, Multiply, Extremum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape

__all__ = ["Add", "Extremum", "Multiply", "PReLU", "ScaleShift"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaleShift(Op):
    """``y = x · scale + shift``, with arrays that broadcast against the sample: one value for each channel, or more."""

    scale: Array
    shift: Array

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        _check_broadcast(self.kind, shape, self.scale, self.shift)
        return shape

    def apply(self, *values: Array) -> Array:
        (x,) = values
        return np.asarray(x * as_type_of(self.scale, x) + as_type_of(self.shift, x))


@dataclass(frozen=True, eq=False, kw_only=True)
class PReLU(Op):
    """``y = max(x, 0) + alpha · min(x, 0)``, with an alpha that broadcasts against the sample."""

    linear: ClassVar[bool] = False

    alpha: Array

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        _check_broadcast(self.kind, shape, self.alpha)
        return shape

    def apply(self, *values: Array) -> Array:
        (x,) = values
        return np.asarray(np.maximum(x, 0) + as_type_of(self.alpha, x) * np.minimum(x, 0))


def _check_broadcast(kind: str, shape: Shape, *parameters: Array) -> None:
    try:
        fits = np.broadcast_shapes(shape, *(p.shape for p in parameters)) == shape
    except ValueError:
        fits = False
    if not fits:
        sizes = ", ".join(str(p.shape) for p in parameters)
        raise ValueError(f"{kind} expected an input that parameters of shape {sizes} fit, received {shape}")


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Extremum(_Merge):
    """The largest of the inputs, or the smallest."""

    linear: ClassVar[bool] = False

    largest: bool = True

    def apply(self, *values: Array) -> Array:
        pick = np.maximum if self.largest else np.minimum
        first, *rest = self._aligned(values)
        for value in rest:
            first = pick(first, value)
        return np.asarray(first)
