"""Standardize: normalisation by the sample's own mean and variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape, require_axes

__all__ = ["Standardize", "UnitLength"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Standardize(Op):
    """``y = (x - mean) / sqrt(variance + ε) · scale + shift``, mean and variance over some axes of the sample.

    Attributes
    ----------
    axes
        The axes of the sample that are averaged over, from 0.
    groups
        The last axis is cut into so many groups, each normalised by itself; 1 leaves it whole.
    centred
        False leaves the mean where it is and divides by the root mean square (RMSNormalization).
    scale, shift
        Arrays that broadcast against the sample.
    """

    linear: ClassVar[bool] = False

    axes: Shape
    epsilon: float
    scale: Array
    shift: Array
    groups: int = 1
    centred: bool = True

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        require_axes(self.kind, self.axes, shape)
        if self.groups < 1 or shape[-1] % self.groups or self.epsilon < 0:
            raise ValueError(
                f"Standardize expected {self.groups} groups to fit and epsilon from 0 on, received {shape}"
            )
        if np.broadcast_shapes(shape, self.scale.shape, self.shift.shape) != shape:
            raise ValueError(f"Standardize expected {self.scale.shape} parameters to fit, received {shape}")
        return shape

    def apply(self, *values: Array) -> Array:
        (x,) = values
        shape = x.shape
        axes = tuple(a + 1 for a in self.axes)
        if self.groups > 1:
            x = x.reshape(*shape[:-1], self.groups, shape[-1] // self.groups)
            axes = tuple(a if a < len(shape) - 1 else a + 1 for a in axes)  # the last axis is now the one in a group
        if self.centred:
            x = x - x.mean(axis=axes, keepdims=True)
        y = x / np.sqrt((x * x).mean(axis=axes, keepdims=True) + np.asarray(self.epsilon, x.dtype))
        return np.asarray(y.reshape(shape) * as_type_of(self.scale, y) + as_type_of(self.shift, y))


@dataclass(frozen=True, eq=False, kw_only=True)
class UnitLength(Op):
    """``y = x / sqrt(max(Σ x², 1e-12))`` over some axes of the sample: UnitNormalization."""

    linear: ClassVar[bool] = False

    axes: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        require_axes(self.kind, self.axes, shape)
        return shape

    def apply(self, *values: Array) -> Array:
        (x,) = values
        square = (x * x).sum(axis=tuple(a + 1 for a in self.axes), keepdims=True)
        return np.asarray(x / np.sqrt(np.maximum(square, 1e-12)))
