"""Linear maps between two populations, and how one that follows another becomes a single one.

Values are seen as ``(rows, columns, channels)`` whatever their own shape: the chip's connections know two dimensions
and channels. A map without a constant: what a graph adds to it, its biases, is kept apart as a current.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...converter.ops import Array, Conv, Shape

__all__ = ["MAX_WEIGHTS", "LinearMap", "MatrixMap", "TooLargeError", "Volume", "WindowMap", "as_volume", "total"]

Volume = tuple[int, int, int]

MAX_WEIGHTS = 2**24
"""The most weights of one connection: what the synapse memory of a chip's 128 cores holds at 8 bits each."""


_WORK = 16  # products that may be added up for each weight that a chip holds, before folding gives up


class TooLargeError(ValueError):
    """A map with more weights than a chip holds."""

    def __init__(self, weights: int) -> None:
        super().__init__(f"needs {weights:,} weights in one connection; a chip holds {MAX_WEIGHTS:,}")


def as_volume(shape: Shape) -> Volume:
    """Return a shape as rows, columns and channels, with the values in the same order."""
    full = (1, 1, 1, *shape)
    return math.prod(full[:-2]), full[-2], full[-1]


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowMap:
    """A window that moves over the input: ``y[i, j, o] = Σ kernel[a, b, c, o] x[i·s − p + a, j·s' − p' + b, c]``.

    Attributes
    ----------
    kernel
        ``(rows, columns, channels in, channels out)``, or ``(rows, columns, channels)`` where each channel of the
        output reads only its own of the input: pooling, scaling, moving.
    offset
        How many rows and columns before the input the first window starts; negative: after its start.
    """

    kernel: Array
    input_shape: Volume
    output_shape: Volume
    strides: tuple[int, int] = (1, 1)
    offset: tuple[int, int] = (0, 0)

    @classmethod
    def identity(cls, shape: Volume) -> WindowMap:
        """Return the map that changes nothing."""
        return cls(kernel=np.ones((1, 1, shape[2])), input_shape=shape, output_shape=shape)

    @property
    def full_kernel(self) -> Array:
        """Return the kernel with four axes."""
        if self.kernel.ndim == 4:
            return self.kernel
        _bounded(self.kernel.size * self.kernel.shape[-1])
        return self.kernel[..., None] * np.eye(self.kernel.shape[-1])

    def apply(self, values: Array) -> Array:
        """Return the output for values of shape ``(batch, rows, columns, channels)``."""
        kernel, groups = self.kernel, 1
        if kernel.ndim == 3:
            kernel, groups = kernel[:, :, None, :], kernel.shape[2]
        reach = [(m - 1) * s + k - p for m, s, k, p in zip(self.output_shape, self.strides, kernel.shape, self.offset)]
        inside = (slice(None), *(slice(max(-p, 0), n) for p, n in zip(self.offset, reach)))
        padding = tuple((max(p, 0), max(r - n, 0)) for p, r, n in zip(self.offset, reach, self.input_shape))
        conv = Conv(kernel=kernel, strides=self.strides, dilation=(1, 1), padding=padding, groups=groups)
        return conv.apply(values[inside])

    def scaled(self, factor: float) -> WindowMap:
        """Return the map times a number."""
        return replace(self, kernel=self.kernel * factor)

    def into(self, channels: int, start: int) -> WindowMap:
        """Return the map with its channels at ``start`` of an output that has ``channels`` of them."""
        full = self.full_kernel
        _bounded(full[..., 0].size * channels)
        kernel = np.zeros((*full.shape[:3], channels))
        kernel[..., start : start + full.shape[3]] = full
        return replace(self, kernel=kernel, output_shape=(*self.output_shape[:2], channels))

    def then(self, after: WindowMap) -> WindowMap | None:
        """Return this map and the one after it as one window; None where no window does the same.

        It does not where the second reads padding, zeros, at places for which the first would compute something else.
        """
        if after.input_shape != self.output_shape or not all(_pads_with_zeros(self, after, axis) for axis in (0, 1)):
            return None
        size = tuple(
            (k2 - 1) * s + k1 for k1, k2, s in zip(self.kernel.shape[:2], after.kernel.shape[:2], self.strides)
        )
        channels = _joined_channels(self.kernel, after.kernel)
        _bounded(math.prod(size) * math.prod(channels))
        kernel = np.zeros((*size, *channels))
        rows, columns = self.kernel.shape[:2]
        for a in range(after.kernel.shape[0]):
            for b in range(after.kernel.shape[1]):
                place = kernel[a * self.strides[0] :, b * self.strides[1] :][:rows, :columns]
                place += _product(self.kernel, after.kernel[a, b])
        return WindowMap(
            kernel=kernel,
            input_shape=self.input_shape,
            output_shape=after.output_shape,
            strides=(self.strides[0] * after.strides[0], self.strides[1] * after.strides[1]),
            offset=(
                self.offset[0] + after.offset[0] * self.strides[0],
                self.offset[1] + after.offset[1] * self.strides[1],
            ),
        )

    def matrix(self) -> Any:
        """Return the map as a sparse matrix, ``(inputs, outputs)``."""
        from scipy.sparse import coo_array

        m_rows, m_columns, m_channels = self.output_shape
        sources, targets, weights = [], [], []
        taps = [(a, b) for a in range(self.kernel.shape[0]) for b in range(self.kernel.shape[1])]
        _bounded(m_rows * m_columns * int(np.count_nonzero(self.kernel)))
        for a, b in taps:
            places = [
                _inside(m, s, tap - p, n)
                for m, s, tap, p, n in zip(self.output_shape, self.strides, (a, b), self.offset, self.input_shape)
            ]
            if self.kernel.ndim == 3:
                c_in = c_out = np.flatnonzero(self.kernel[a, b])
                values = self.kernel[a, b, c_in]
            else:
                c_in, c_out = np.nonzero(self.kernel[a, b])
                values = self.kernel[a, b, c_in, c_out]
            (out_r, in_r), (out_c, in_c) = places
            pixel_in = (in_r[:, None] * self.input_shape[1] + in_c).reshape(-1, 1) * self.input_shape[2]
            pixel_out = (out_r[:, None] * m_columns + out_c).reshape(-1, 1) * m_channels
            sources.append((pixel_in + c_in).reshape(-1))
            targets.append((pixel_out + c_out).reshape(-1))
            weights.append(np.broadcast_to(values, (len(pixel_in), len(values))).reshape(-1))
        where = (np.concatenate(sources), np.concatenate(targets))
        size = (math.prod(self.input_shape), math.prod(self.output_shape))
        return coo_array((np.concatenate(weights), where), shape=size).tocsr()


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixMap:
    """Any linear map: ``y = x @ weights``.

    Attributes
    ----------
    weights
        ``(inputs, outputs)``, a sparse matrix or a plain array.
    """

    weights: Any
    input_shape: Volume
    output_shape: Volume

    @property
    def is_sparse(self) -> bool:
        """Say whether the weights are a sparse matrix."""
        return not isinstance(self.weights, np.ndarray)

    def apply(self, values: Array) -> Array:
        """Return the output for values of shape ``(batch, rows, columns, channels)``."""
        flat = values.reshape(len(values), -1)
        product = (self.weights.T @ flat.T).T if self.is_sparse else flat @ self.weights
        return np.asarray(product).reshape(len(values), *self.output_shape)

    def scaled(self, factor: float) -> MatrixMap:
        """Return the map times a number."""
        return replace(self, weights=self.weights * factor)

    def then(self, weights: Any, output_shape: Volume) -> MatrixMap:
        """Return this map and a matrix after it as one."""
        _bounded(_products(self.weights, weights) // _WORK)
        product = self.weights @ weights
        _bounded(_stored(product))
        return MatrixMap(weights=product, input_shape=self.input_shape, output_shape=output_shape)

    def compact(self) -> MatrixMap:
        """Return the map with its weights as a plain array if more than half of them are not zero."""
        size = math.prod(self.weights.shape)
        if not self.is_sparse or 2 * self.weights.nnz < size:
            return self
        return replace(self, weights=self.weights.toarray())


LinearMap = WindowMap | MatrixMap


def as_matrix(linear: LinearMap) -> MatrixMap:
    """Return any map as a matrix."""
    if isinstance(linear, MatrixMap):
        return linear
    return MatrixMap(weights=linear.matrix(), input_shape=linear.input_shape, output_shape=linear.output_shape)


def total(maps: Sequence[LinearMap]) -> LinearMap:
    """Return the sum of maps from one population to another."""
    first, *rest = maps
    for other in rest:
        first = _sum_of_windows(first, other) or _sum_of_matrices(first, other)
    return first


def _sum_of_matrices(one: LinearMap, other: LinearMap) -> MatrixMap:
    weights = as_matrix(one).weights + as_matrix(other).weights
    return MatrixMap(weights=weights, input_shape=one.input_shape, output_shape=one.output_shape)


def _sum_of_windows(one: LinearMap, other: LinearMap) -> WindowMap | None:
    if not (isinstance(one, WindowMap) and isinstance(other, WindowMap)):
        return None
    if one.strides != other.strides or one.output_shape != other.output_shape:
        return None
    kernels = [w.kernel for w in (one, other)]
    if kernels[0].ndim != kernels[1].ndim:
        kernels = [w.full_kernel for w in (one, other)]
    offset = (max(one.offset[0], other.offset[0]), max(one.offset[1], other.offset[1]))
    starts = [tuple(p - q for p, q in zip(offset, w.offset)) for w in (one, other)]
    ends = [tuple(a + n for a, n in zip(start, k.shape)) for start, k in zip(starts, kernels)]
    kernel = np.zeros((*(max(pair) for pair in zip(*ends)), *kernels[0].shape[2:]))
    for (a, b), k in zip(starts, kernels):
        kernel[a : a + k.shape[0], b : b + k.shape[1]] += k
    return replace(one, kernel=kernel, offset=offset)


def _pads_with_zeros(first: WindowMap, after: WindowMap, axis: int) -> bool:
    """Say whether the first map's window lies outside its input wherever the second one reads padding."""
    n_middle, n_in = first.output_shape[axis], first.input_shape[axis]
    reads = {
        i * after.strides[axis] - after.offset[axis] + tap
        for i in range(after.output_shape[axis])
        for tap in range(after.kernel.shape[axis])
    }
    beyond = [j for j in reads if not 0 <= j < n_middle]
    starts = (j * first.strides[axis] - first.offset[axis] for j in beyond)
    return all(start >= n_in or start + first.kernel.shape[axis] <= 0 for start in starts)


def _joined_channels(first: Array, after: Array) -> Shape:
    if first.ndim == 3 and after.ndim == 3:
        return (first.shape[2],)
    return (first.shape[2], after.shape[-1])


def _product(kernel: Array, weights: Array) -> Array:
    """Return a kernel followed by weights from channel to channel, ``(channels,)`` or ``(channels in, out)``."""
    if kernel.ndim == 3:
        return kernel * weights if weights.ndim == 1 else kernel[..., None] * weights
    return kernel * weights if weights.ndim == 1 else kernel @ weights


def _inside(outputs: int, stride: int, shift: int, inputs: int) -> tuple[Array, Array]:
    """Return the outputs for which one tap lies inside the input, and where it lies."""
    out = np.arange(outputs)
    place = out * stride + shift
    kept = (place >= 0) & (place < inputs)
    return out[kept], place[kept]


def _stored(weights: Any) -> int:
    return int(weights.size if isinstance(weights, np.ndarray) else weights.nnz)


def _products(one: Any, other: Any) -> int:
    """Return how many products of two weights the product of two matrices adds up."""
    if isinstance(other, np.ndarray):
        return _stored(one) * int(other.shape[1])
    rows = np.diff(other.indptr)
    if isinstance(one, np.ndarray):
        return int(one.shape[0]) * int(rows.sum())
    return int(rows[one.indices].sum())


def _bounded(weights: int) -> None:
    if weights > MAX_WEIGHTS:
        raise TooLargeError(int(weights))
