"""LocallyConnected: windows with a kernel of their own at each place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape
from .window import window_output, window_slices

__all__ = ["LocallyConnected"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LocallyConnected(Op):
    """Convolution without weight sharing, channels last, without padding.

    Attributes
    ----------
    kernel
        ``(positions, window · channels, filters)``, positions and window in C order.
    bias
        ``(*positions, filters)``, or None.
    window, strides
        One number for each spatial axis.
    """

    kernel: Array
    bias: Array | None = None
    window: Shape
    strides: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.window) + 1)
        ones = (1,) * len(self.window)
        spatial = window_output(self.kind, shape[:-1], self.window, self.strides, ones, ((0, 0),) * len(self.window))
        expected = (math.prod(spatial), math.prod(self.window) * shape[-1])
        if self.kernel.shape[:2] != expected:
            raise ValueError(f"LocallyConnected expected a kernel for {self.kernel.shape[:2]}, received {shape}")
        return (*spatial, int(self.kernel.shape[-1]))

    def apply(self, *values: Array) -> Array:
        (x,) = values
        out = self.output_shape(x.shape[1:])
        ones = (1,) * len(self.window)
        taps = [x[where] for _, where in window_slices(self.window, self.strides, ones, out[:-1])]
        patches = np.stack(taps, axis=-2).reshape(len(x), self.kernel.shape[0], -1)
        y = np.einsum("npi,pif->npf", patches, as_type_of(self.kernel, x), optimize=True).reshape(len(x), *out)
        return np.asarray(y if self.bias is None else y + as_type_of(self.bias, x))
