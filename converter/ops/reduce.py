"""Reduce: the sum, mean or extremum over whole axes of a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Array, Op, Shape, one_shape, require_axes

__all__ = ["REDUCTIONS", "Reduce"]

REDUCTIONS: Mapping[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
"""How values are put together, by name; sum and mean are linear."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Reduce(Op):
    """Put the values along some axes together.

    Attributes
    ----------
    axes
        The axes of the sample, from 0.
    keepdims
        Whether the axes stay, with size 1.
    how
        A key of `REDUCTIONS`.
    """

    axes: Shape
    keepdims: bool
    how: str

    def __post_init__(self) -> None:
        if self.how not in REDUCTIONS:
            raise ValueError(f"expected a reduction out of {', '.join(REDUCTIONS)}, received {self.how!r}")

    @property
    def linear(self) -> bool:  # type: ignore[override]  # depends on how
        """Say whether this is a sum or a mean."""
        return self.how in ("sum", "mean")

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        require_axes(self.kind, self.axes, shape)
        kept = (1 if i in self.axes else n for i, n in enumerate(shape) if self.keepdims or i not in self.axes)
        return tuple(kept)

    def apply(self, *values: Array) -> Array:
        (x,) = values
        axes = tuple(a + 1 for a in self.axes)
        return np.asarray(REDUCTIONS[self.how](x, axis=axes, keepdims=self.keepdims), dtype=x.dtype)
