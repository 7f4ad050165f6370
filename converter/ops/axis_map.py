"""AxisMap: a matrix along each axis, which is what every separable resampling is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape

__all__ = ["AxisMap"]


@dataclass(frozen=True, eq=False, kw_only=True)
class AxisMap(Op):
    """``y = M x`` along each of the first axes of a sample: bilinear and bicubic resizing, adaptive pooling.

    Attributes
    ----------
    matrices
        One ``(outputs, inputs)`` matrix for each axis, from the first on; the axes after them stay as they are.
    """

    matrices: tuple[Array, ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        sizes = tuple(int(m.shape[1]) for m in self.matrices)
        if shape[: len(sizes)] != sizes:
            raise ValueError(f"AxisMap expected {sizes} along the first axes, received {shape}")
        return (*(int(m.shape[0]) for m in self.matrices), *shape[len(sizes) :])

    def apply(self, *values: Array) -> Array:
        (x,) = values
        for axis, matrix in enumerate(self.matrices, start=1):
            x = np.moveaxis(np.tensordot(as_type_of(matrix, x), x, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(x)
