"""Gather and Dot: rows of a table, and products of two inputs along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape

__all__ = ["Dot", "Gather"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Gather(Op):
    """The rows of a table that whole-number inputs name: Embedding.

    Attributes
    ----------
    table
        ``(rows, values)``.
    """

    linear: ClassVar[bool] = False

    table: Array

    def output_shape(self, *shapes: Shape) -> Shape:
        if self.table.ndim != 2:
            raise ValueError(f"Gather expected a table of rows, received {self.table.shape}")
        return (*one_shape(self.kind, shapes), int(self.table.shape[1]))

    def apply(self, *values: Array) -> Array:
        (x,) = values
        rows = np.clip(np.rint(x).astype(np.int64), 0, len(self.table) - 1)
        return as_type_of(self.table[rows], x)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dot(Op):
    """The sum of products of two inputs along one axis of each.

    Attributes
    ----------
    axes
        The axis of each sample that is summed over, from 0.
    normalized
        Whether both are brought to unit length along it first (cosine similarity).
    """

    linear: ClassVar[bool] = False

    axes: tuple[int, int]
    normalized: bool = False

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ValueError(f"Dot expected two inputs, received {len(shapes)}")
        first, second = shapes
        a, b = self.axes
        if a >= len(first) or b >= len(second) or first[a] != second[b]:
            raise ValueError(
                f"Dot expected inputs that agree along the axes {self.axes}, received {first} and {second}"
            )
        left = (*first[:a], *first[a + 1 :], *second[:b], *second[b + 1 :])
        return left or (1,)

    def apply(self, *values: Array) -> Array:
        first, second = values
        out = self.output_shape(first.shape[1:], second.shape[1:])
        x, y = np.moveaxis(first, self.axes[0] + 1, -1), np.moveaxis(second, self.axes[1] + 1, -1)
        if self.normalized:
            x, y = (v / np.sqrt(np.maximum((v * v).sum(axis=-1, keepdims=True), 1e-12)) for v in (x, y))
        n, size = len(x), x.shape[-1]
        product = x.reshape(n, -1, size) @ y.reshape(n, -1, size).transpose(0, 2, 1)
        return product.reshape(n, *out)
