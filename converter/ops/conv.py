"""Conv: cross-correlation over one to three spatial axes, channels last."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape
from .window import Padding, pad_spatial, window_output, window_slices

__all__ = ["Conv"]

Taps = tuple[tuple[Shape, tuple[slice, ...]], ...]
"""Each place in a window with the values of a padded input that stand there: what `window_slices` yields."""

_PATCH_BYTES = 2 * 2**20  # patches are built for as many samples as fit in this, to stay near the cache


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv(Op):
    """Convolution as Keras means it (no flip), for any number of spatial axes.

    Attributes
    ----------
    kernel
        ``(*window, channels / groups, filters)``.
    bias
        ``(filters,)``, or None.
    strides, dilation
        One number for each spatial axis.
    padding
        Zeros before and after each spatial axis.
    groups
        The channels are cut into so many groups, each with ``filters / groups`` filters.
    """

    kernel: Array
    bias: Array | None = None
    strides: Shape
    dilation: Shape
    padding: Padding
    groups: int = 1

    @property
    def window(self) -> Shape:
        """Return the size of the kernel along each spatial axis."""
        return tuple(int(n) for n in self.kernel.shape[:-2])

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.window) + 1)
        channels = self.kernel.shape[-2] * self.groups
        if shape[-1] != channels:
            raise ValueError(f"Conv expected {channels} channels along the last axis, received {shape}")
        if self.bias is not None and self.bias.shape != self.kernel.shape[-1:]:
            raise ValueError(f"Conv expected a bias of {self.kernel.shape[-1]} values, received {self.bias.shape}")
        spatial = window_output(self.kind, shape[:-1], self.window, self.strides, self.dilation, self.padding)
        return (*spatial, int(self.kernel.shape[-1]))

    def apply(self, *values: Array) -> Array:
        (x,) = values
        out = self.output_shape(x.shape[1:])
        y = np.empty((len(x), *out), x.dtype)
        kernel = as_type_of(self.kernel, x)
        bias = None if self.bias is None else as_type_of(self.bias, x)
        patch = math.prod(out[:-1]) * math.prod(self.kernel.shape[:-1]) * self.groups * x.itemsize
        block = max(1, _PATCH_BYTES // max(patch, 1))
        taps = tuple(window_slices(self.window, self.strides, self.dilation, out[:-1]))
        padded = pad_spatial(x[:block], self.padding, 0.0)  # every block comes into it; the zeros around stay
        inside = (slice(None), *(slice(a, a + n) for n, (a, _) in zip(x.shape[1:-1], self.padding, strict=True)))
        for start in range(0, len(x), block):
            part = slice(start, start + block)
            if padded.shape[1:] == x.shape[1:]:
                padded = x[part]
            else:
                padded = padded[: len(x[part])]
                padded[inside] = x[part]
            self._apply_block(padded, kernel, taps, y[part])
            if bias is not None:
                y[part] += bias
        return y

    def _apply_block(self, x: Array, kernel: Array, taps: Taps, y: Array) -> None:
        """Write the convolution of a padded block into ``y``: patches, then one matrix product a group."""
        out, per_group, window = y.shape[1:-1], kernel.shape[-2], self.window
        channels = x.shape[-1]
        if per_group == 1 and self.groups > 1:
            self._apply_depthwise(x, kernel, taps, y)
            return
        patches = np.empty((len(x), *out, *window, channels), x.dtype)
        inside: tuple[slice | int, ...] = (slice(None),) * (len(out) + 1)
        for offset, where in taps:
            patches[(*inside, *offset)] = x[where]
        rows = len(x) * math.prod(out)
        if self.groups == 1:
            np.matmul(patches.reshape(rows, -1), kernel.reshape(-1, kernel.shape[-1]), out=y.reshape(rows, -1))
            return
        # (rows, window, groups, channels of the group) × (groups, window · channels, filters of the group)
        size = math.prod(window)
        grouped = patches.reshape(rows, size, self.groups, per_group).transpose(2, 0, 1, 3)
        weights = kernel.reshape(size, per_group, self.groups, -1).transpose(2, 0, 1, 3)
        product = grouped.reshape(self.groups, rows, -1) @ weights.reshape(self.groups, size * per_group, -1)
        y.reshape(rows, -1)[:] = product.transpose(1, 0, 2).reshape(rows, -1)

    def _apply_depthwise(self, x: Array, kernel: Array, taps: Taps, y: Array) -> None:
        """Write the convolution where each group is one channel: a product and a sum for each tap of the window."""
        filters = kernel.shape[-1] // self.groups
        y[:] = 0
        product = np.empty_like(y)
        for offset, where in taps:
            taken = x[where] if filters == 1 else np.repeat(x[where], filters, axis=-1)
            y += np.multiply(taken, kernel[(*offset, 0)], out=product)
