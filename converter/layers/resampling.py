"""Resampling along one axis, as a matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..ops import Array

__all__ = ["RESAMPLING", "adaptive_mean"]


def _nearest(n: int, size: int) -> Array:
    """Return the matrix that picks the value under the middle of each output, as tf.image.resize does."""
    matrix = np.zeros((size, n), np.float32)
    picked = np.floor((np.arange(size) + 0.5) * n / size).astype(int)
    matrix[np.arange(size), np.clip(picked, 0, n - 1)] = 1
    return matrix


def _bilinear(n: int, size: int) -> Array:
    """Return the matrix of linear interpolation between the middles of the inputs (half-pixel centres)."""
    place = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, n - 1)
    matrix = np.zeros((size, n))
    np.add.at(matrix, (np.arange(size), low), 1 - (place - low))
    np.add.at(matrix, (np.arange(size), high), place - low)
    return matrix.astype(np.float32)


RESAMPLING: Mapping[str, Callable[[int, int], Array]] = {"nearest": _nearest, "bilinear": _bilinear}
"""Interpolation → function from the input's and the output's length to the matrix ``(outputs, inputs)``."""


def adaptive_mean(n: int, size: int) -> Array:
    """Return the matrix of means over the windows ``⌊i·n/size⌋ … ⌈(i+1)·n/size⌉``."""
    matrix = np.zeros((size, n), np.float32)
    for i in range(size):
        start, end = i * n // size, -(-(i + 1) * n // size)
        matrix[i, start:end] = 1 / (end - start)
    return matrix
