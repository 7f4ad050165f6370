"""Convolution and pooling in keras.ops, with the padding that an op states: zeros that count, or places that do not."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from ...converter.ops import AvgPool, Conv, ConvTranspose, LocallyConnected, MaxPool
from ...converter.ops.window import Padding, window_slices

__all__ = ["average_pool", "convolve", "convolve_transposed", "locally_connected", "max_pool", "padded"]


def convolve(op: Conv, kernel: Any, bias: Any, x: Any) -> Any:
    """Return a convolution, channels last."""
    x = padded(x, op.padding)
    window, groups = op.window, op.groups
    both = max(op.strides) > 1 and max(op.dilation) > 1  # Keras takes one of them; then the places between are left out
    strides = (1,) * len(window) if both else op.strides
    options = {"padding": "valid", "data_format": "channels_last", "dilation_rate": op.dilation}
    if groups == x.shape[-1] and groups > 1 and len(window) < 3 and len(set(strides)) == 1:
        y = ops.depthwise_conv(x, ops.reshape(kernel, (*window, groups, -1)), strides=strides[0], **options)
    else:
        parts = zip(ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1)) if groups > 1 else [(x, kernel)]
        maps = [ops.conv(v, k, strides=strides, **options) for v, k in parts]
        y = ops.concatenate(maps, axis=-1) if groups > 1 else maps[0]
    if both:
        y = y[(slice(None), *(slice(None, None, s) for s in op.strides))]
    return y if bias is None else y + bias


def convolve_transposed(op: ConvTranspose, kernel: Any, bias: Any, x: Any) -> Any:
    """Return a transposed convolution: zeros between the values, then a convolution with the kernel turned around."""
    spatial = x.shape[1:-1]
    rank, window = len(spatial), kernel.shape[:-2]
    for axis, (n, s) in enumerate(zip(spatial, op.strides), start=1):
        if s > 1:
            shape = tuple(x.shape)
            x = ops.expand_dims(x, axis + 1)
            x = ops.pad(x, [(0, s - 1) if i == axis + 1 else (0, 0) for i in range(x.ndim)])
            x = ops.reshape(x, (-1, *shape[1:axis], n * s, *shape[axis + 1 :]))
    pads, cuts = [], []
    for size, k, d, before, out in zip(x.shape[1:-1], window, op.dilation, op.before, op.size):
        reach = (k - 1) * d
        left = reach - before  # output o reads the stuffed values o + before − reach … o + before
        right = out + before - size
        pads.append((max(left, 0), max(right, 0)))
        cuts.append((max(-left, 0), max(-right, 0)))
    x = padded(x, tuple(pads))
    inside = (slice(a, n - b) for (a, b), n in zip(cuts, x.shape[1:-1]))
    x = x[(slice(None), *inside, slice(None))]
    turned = ops.flip(kernel, axis=tuple(range(rank)))
    turned = ops.swapaxes(turned, -1, -2)
    y = ops.conv(x, turned, strides=1, padding="valid", data_format="channels_last", dilation_rate=op.dilation)
    return y if bias is None else y + bias


def locally_connected(op: LocallyConnected, kernel: Any, bias: Any, x: Any) -> Any:
    """Return windows with a kernel of their own at each place."""
    out = op.output_shape(tuple(x.shape[1:]))
    ones = (1,) * len(op.window)
    taps = [x[where] for _, where in window_slices(op.window, op.strides, ones, out[:-1])]
    patches = ops.reshape(ops.stack(taps, axis=-2), (-1, *kernel.shape[:2]))
    y = ops.reshape(ops.einsum("npi,pif->npf", patches, kernel), (-1, *out))
    return y if bias is None else y + bias


def average_pool(op: AvgPool, x: Any) -> Any:
    """Return the mean of each window, without the padding."""
    filled = padded(x, op.padding)
    mean = ops.average_pool(filled, op.pool_size, op.strides, padding="valid", data_format="channels_last")
    if filled is x:
        return mean
    counts = op.counts(tuple(x.shape[1:]))
    return mean * ops.cast(math.prod(op.pool_size) / counts, x.dtype)


def max_pool(op: MaxPool, x: Any) -> Any:
    """Return the largest value of each window; padding never wins."""
    filled = padded(x, op.padding, value=-1e30)
    return ops.max_pool(filled, op.pool_size, op.strides, padding="valid", data_format="channels_last")


def padded(x: Any, padding: Padding, value: float = 0.0) -> Any:
    """Return values with padding around the axes between the batch and the channels."""
    if not any(before or after for before, after in padding):
        return x
    return ops.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)
