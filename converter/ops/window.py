"""Sliding windows over the spatial axes: the index arithmetic that convolution and pooling share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from .base import Array, Shape

__all__ = ["Padding", "pad_spatial", "same_padding", "window_output", "window_slices"]

_MOST_VALUES = 2**28  # of a padded map

Padding = tuple[tuple[int, int], ...]


def same_padding(spatial: Shape, size: Shape, strides: Shape, dilation: Shape) -> Padding:
    """Return the zeros that Keras's ``padding="same"`` adds before and after each axis.

    The rule of TensorFlow: ``ceil(n / stride)`` outputs, the odd zero at the end.
    """
    pads = []
    for n, k, s, d in zip(spatial, size, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def window_output(kind: str, spatial: Shape, size: Shape, strides: Shape, dilation: Shape, padding: Padding) -> Shape:
    """Return how many windows fit along each spatial axis.

    Raises
    ------
    ValueError
        When the padded input is smaller than one window.
    """
    counts = []
    for n, k, s, d, (before, after) in zip(spatial, size, strides, dilation, padding, strict=True):
        if min(k, s, d) < 1 or min(before, after) < 0:
            raise ValueError(f"{kind} expected positive windows, strides and dilation, and padding of at least 0")
        count = (n + before + after - (k - 1) * d - 1) // s + 1
        if count < 1:
            raise ValueError(
                f"{kind} expected an input of at least {(k - 1) * d + 1} along each axis, received {spatial}"
            )
        counts.append(count)
    if math.prod(n + before + after for n, (before, after) in zip(spatial, padding, strict=True)) > _MOST_VALUES:
        raise ValueError(f"{kind} expected padding that memory can hold, received {padding}")
    return tuple(counts)


def pad_spatial(x: Array, padding: Padding, value: float) -> Array:
    """Pad the axes between the batch and the channels."""
    if not any(before or after for before, after in padding):
        return x
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def window_slices(
    size: Shape, strides: Shape, dilation: Shape, out: Shape
) -> Iterator[tuple[Shape, tuple[slice, ...]]]:
    """Yield each position inside the window with the slices of a padded input that hold its values."""
    for offset in itertools.product(*(range(k) for k in size)):
        starts = tuple(o * d for o, d in zip(offset, dilation, strict=True))
        yield (
            offset,
            (
                slice(None),
                *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, out, strides, strict=True)),
                slice(None),
            ),
        )
