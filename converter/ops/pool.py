"""Pooling: the mean or the maximum of each window, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, one_shape
from .window import Padding, pad_spatial, window_output, window_slices

__all__ = ["AvgPool", "MaxPool"]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pool(Op):
    """What both poolings share: windows of ``pool_size``, and padding that never counts as a value."""

    pool_size: Shape
    strides: Shape
    padding: Padding

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.pool_size) + 1)
        ones = (1,) * len(self.pool_size)
        if any(max(pads) >= k for pads, k in zip(self.padding, self.pool_size, strict=True)):
            raise ValueError(f"{self.kind} expected a value in each window, received padding {self.padding}")
        return (
            *window_output(self.kind, shape[:-1], self.pool_size, self.strides, ones, self.padding),
            shape[-1],
        )

    def _windows(self, x: Array, fill: float) -> list[Array]:
        """Return one array of the output's shape for each position inside the window."""
        out = self.output_shape(x.shape[1:])[:-1]
        padded = pad_spatial(x, self.padding, fill)
        ones = (1,) * len(self.pool_size)
        return [padded[where] for _, where in window_slices(self.pool_size, self.strides, ones, out)]


class AvgPool(_Pool):
    """The mean of the values inside each window; as in Keras, padding is left out of the mean."""

    def apply(self, *values: Array) -> Array:
        (x,) = values
        windows = self._windows(x, 0.0)
        total = windows[0].copy()
        for window in windows[1:]:
            total += window
        return np.asarray(total / self.counts(x.shape[1:]).astype(x.dtype))

    def counts(self, shape: Shape) -> Array:
        """Return how many real values each window holds: ``(*out, 1)``."""
        return np.asarray(np.sum(self._windows(np.ones((1, *shape[:-1], 1)), 0.0), axis=0)[0])


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool(_Pool):
    """The largest value inside each window; padding never wins.

    Attributes
    ----------
    gate
        How it acts on spikes: False for the maximum of running means (`as_rate_domain`), True for a gate that passes
        what the winner so far sends (`as_gate`). The rate network computes the maximum either way.
    """

    linear: ClassVar[bool] = False

    gate: bool = False

    def members(self, x: Array, padding: float) -> Array:
        """Return the values of each window: ``(members, batch, *out)``, with this value where there is padding."""
        return np.stack(self._windows(x, padding))

    def apply(self, *values: Array) -> Array:
        (x,) = values
        windows = self._windows(x, -np.inf)
        result = windows[0].copy()
        for window in windows[1:]:
            np.maximum(result, window, out=result)
        return result
