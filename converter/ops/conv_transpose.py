"""ConvTranspose: each value spreads its kernel over the output, channels last."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape

__all__ = ["ConvTranspose"]

_MOST_VALUES = 2**28  # of the map before it is cut


@dataclass(frozen=True, eq=False, kw_only=True)
class ConvTranspose(Op):
    """Transposed convolution: ``y[i·stride + k·dilation - before] += x[i] · kernel[k]``.

    Attributes
    ----------
    kernel
        ``(*window, filters, channels)``, as Keras stores it.
    bias
        ``(filters,)``, or None.
    strides, dilation
        One number for each spatial axis.
    before
        How many values are cut off at the start of each spatial axis.
    size
        The spatial shape of the output; what no kernel reaches is the bias alone.
    """

    kernel: Array
    bias: Array | None = None
    strides: Shape
    dilation: Shape
    before: Shape
    size: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.size) + 1)
        if shape[-1] != self.kernel.shape[-1]:
            raise ValueError(f"ConvTranspose expected {self.kernel.shape[-1]} channels, received {shape}")
        rank = len(self.size)
        if {len(self.strides), len(self.dilation), len(self.before), self.kernel.ndim - 2} != {rank} or (
            min(*self.strides, *self.dilation, *self.size) < 1 or min(self.before) < 0
        ):
            raise ValueError(f"ConvTranspose expected {rank} strides, dilations and cuts, received {self.strides} …")
        if math.prod(self._reach(shape[:-1])) > _MOST_VALUES:
            raise ValueError(f"ConvTranspose expected a map that memory can hold, received dilation {self.dilation}")
        return (*self.size, int(self.kernel.shape[-2]))

    def _reach(self, spatial: Shape) -> Shape:
        """Return the shape of the map before it is cut."""
        axes = zip(spatial, self.strides, self.kernel.shape, self.dilation, self.before, self.size, strict=False)
        return tuple(max((n - 1) * s + (k - 1) * d + 1, b + size) for n, s, k, d, b, size in axes)

    def apply(self, *values: Array) -> Array:
        (x,) = values
        filters, spatial = self.kernel.shape[-2], x.shape[1:-1]
        full = np.zeros((len(x), *self._reach(spatial), filters), x.dtype)
        kernel = as_type_of(self.kernel, x)
        flat = x.reshape(-1, x.shape[-1])
        for offset in itertools.product(*(range(k) for k in self.kernel.shape[:-2])):
            where = tuple(
                slice(o * d, o * d + (n - 1) * s + 1, s)
                for o, d, n, s in zip(offset, self.dilation, spatial, self.strides, strict=True)
            )
            full[(slice(None), *where)] += (flat @ kernel[offset].T).reshape(len(x), *spatial, filters)
        inside = tuple(slice(b, b + n) for b, n in zip(self.before, self.size, strict=True))
        y = np.ascontiguousarray(full[(slice(None), *inside)])
        if self.bias is not None:
            y += as_type_of(self.bias, x)
        return y

    def reached(self, shape: Shape) -> Array:
        """Return how many output positions each input position reaches: of the input's spatial shape."""
        counts = np.ones(shape[:-1])
        axes = zip(shape, self.strides, self.kernel.shape, self.dilation, self.before, self.size, strict=False)
        for axis, (n, s, k, d, b, size) in enumerate(axes):
            landed = np.arange(n)[:, None] * s + np.arange(k) * d - b
            hits = ((landed >= 0) & (landed < size)).sum(axis=1)
            counts *= hits.reshape([-1 if i == axis else 1 for i in range(len(shape) - 1)])
        return counts
