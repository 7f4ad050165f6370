"""What one linear op of the graph does, as a map: the step that folding takes, op by op."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...converter.ops import (
    Array,
    AvgPool,
    Conv,
    Crop,
    Dense,
    Identity,
    Op,
    Pad,
    Permute,
    Reshape,
    ScaleShift,
    Shape,
    Upsample,
)
from ..sparse_map import sparse_map
from .linear_map import MAX_WEIGHTS, LinearMap, MatrixMap, TooLargeError, Volume, WindowMap, as_matrix, as_volume

__all__ = ["moved", "through"]

_BLOCK = 64  # basis vectors pushed through an op at a time


def through(op: Op, before: LinearMap, shape: Shape, output_shape: Shape) -> LinearMap:
    """Return the map that ends in this op's output, for the one that ends in its input.

    Parameters
    ----------
    op
        A linear op with one input.
    shape, output_shape
        The shapes of the op's input and output.
    """
    if isinstance(op, Reshape | Identity):
        return before
    after = _window(op, shape, output_shape)
    if isinstance(op, Dense) and isinstance(before, WindowMap) and len(shape) == 1:
        after = _whole(op, before.output_shape)  # behind a Flatten: one window as large as the map
    if after is not None and isinstance(before, WindowMap):
        folded = before.then(after)
        if folded is not None:
            return folded
    weights = _matrix(op, shape, output_shape)  # first: it may turn out to be too large for a chip
    return as_matrix(before).then(weights, as_volume(output_shape))


def moved(before: LinearMap, source: Array, output_shape: Shape) -> MatrixMap:
    """Return the map whose output k is the given one's output ``source[k]``, or nothing where that is −1."""
    from scipy.sparse import csr_array

    inputs = math.prod(before.output_shape)
    kept = np.flatnonzero(source >= 0)
    where = (source[kept], kept)
    move = csr_array((np.ones(len(kept)), where), shape=(inputs, len(source)))
    return as_matrix(before).then(move, as_volume(output_shape))


def _window(op: Op, shape: Shape, output_shape: Shape) -> WindowMap | None:
    """Return the op as a window, None where it is none in two dimensions."""
    volume, out = as_volume(shape), as_volume(output_shape)
    if isinstance(op, Conv) and len(op.window) <= 2:
        missing = (1,) * (2 - len(op.window))
        padding = ((0, 0),) * len(missing) + op.padding
        return WindowMap(
            kernel=_kernel(op),
            input_shape=volume,
            output_shape=out,
            strides=_pair((*missing, *op.strides)),
            offset=(padding[0][0], padding[1][0]),
        )
    if isinstance(op, AvgPool) and len(op.pool_size) <= 2:
        counts = op.counts(shape)
        if np.ptp(counts):  # windows at the border average fewer values
            return None
        missing = (1,) * (2 - len(op.pool_size))
        padding = ((0, 0),) * len(missing) + op.padding
        size = (*missing, *op.pool_size, shape[-1])
        return WindowMap(
            kernel=np.full(size, 1 / counts.flat[0]),
            input_shape=volume,
            output_shape=out,
            strides=_pair((*missing, *op.strides)),
            offset=(padding[0][0], padding[1][0]),
        )
    if isinstance(op, ScaleShift):
        kernel = np.broadcast_to(op.scale.astype(np.float64).reshape(-1), (1, 1, volume[2]))
        return WindowMap(kernel=kernel, input_shape=volume, output_shape=out)
    if isinstance(op, Dense):
        return WindowMap(kernel=op.kernel[None, None], input_shape=volume, output_shape=out)
    if isinstance(op, Pad | Crop) and len(shape) in (2, 3):
        amounts = op.padding if isinstance(op, Pad) else tuple((-a, -b) for a, b in op.cropping)
        amounts = ((0, 0),) * (3 - len(shape)) + amounts
        if amounts[2] == (0, 0):
            offset = (amounts[0][0], amounts[1][0])
            return WindowMap(kernel=np.ones((1, 1, volume[2])), input_shape=volume, output_shape=out, offset=offset)
    return None


def _kernel(op: Conv) -> Array:
    """Return a convolution's kernel with rows and columns, zeros for dilation and between groups."""
    taps = op.kernel.astype(np.float64)
    spread = np.zeros((*((n - 1) * d + 1 for n, d in zip(op.window, op.dilation)), *taps.shape[-2:]))
    spread[tuple(slice(None, None, d) for d in op.dilation)] = taps
    spread = spread.reshape(*(1,) * (4 - spread.ndim), *spread.shape)
    per_group, filters = spread.shape[2:]
    if op.groups == 1:
        return spread
    if per_group == 1 and filters == op.groups:
        return spread[:, :, 0]
    if spread.size * op.groups > MAX_WEIGHTS:
        raise TooLargeError(spread.size * op.groups)
    full = np.zeros((*spread.shape[:2], per_group * op.groups, filters))
    for group in range(op.groups):
        outputs = slice(group * filters // op.groups, (group + 1) * filters // op.groups)
        full[:, :, group * per_group : (group + 1) * per_group, outputs] = spread[..., outputs]
    return full


def _whole(op: Dense, shape: Volume) -> WindowMap:
    """Return a Dense behind a Flatten as one window over everything that was flattened."""
    units = op.kernel.shape[1]
    kernel = op.kernel.reshape(*shape, units)  # not copied: it may turn out to be too large for a chip
    return WindowMap(kernel=kernel, input_shape=shape, output_shape=(1, 1, units))


def _matrix(op: Op, shape: Shape, output_shape: Shape) -> Any:
    """Return the op as a sparse matrix, ``(inputs, outputs)``."""
    from scipy.sparse import csr_array

    if isinstance(op, Dense) and len(shape) == 1:
        return op.kernel.astype(np.float64)
    window = _window(op, shape, output_shape)
    if window is not None:
        return window.matrix()
    if isinstance(op, Conv | AvgPool):  # three dimensions: the chip repeats kernels over two, so weight by weight
        kernel_size = op.kernel.size if isinstance(op, Conv) else math.prod(op.pool_size) * shape[-1]
        if (weights := math.prod(output_shape[:-1]) * kernel_size) > MAX_WEIGHTS:
            raise TooLargeError(weights)
        return sparse_map(op, shape).T.tocsr()
    if isinstance(op, Pad | Crop | Upsample | Permute):
        number = np.arange(1, math.prod(shape) + 1, dtype=np.float64).reshape(1, *shape)
        source = op.apply(number).reshape(-1).astype(np.int64) - 1
        kept = np.flatnonzero(source >= 0)
        return csr_array((np.ones(len(kept)), (source[kept], kept)), shape=(math.prod(shape), len(source)))
    return _pushed(op, shape, output_shape)


def _pushed(op: Op, shape: Shape, output_shape: Shape) -> Any:
    """Return any linear op as a matrix: what becomes of each single input, less what becomes of none."""
    from scipy.sparse import csr_array, vstack

    inputs = math.prod(shape)
    if inputs * math.prod(output_shape) > 16 * MAX_WEIGHTS:  # the time that this takes; most of them are zeros
        raise TooLargeError(inputs * math.prod(output_shape))
    nothing = op.apply(np.zeros((1, *shape)))
    parts = []
    for start in range(0, inputs, _BLOCK):
        basis = np.zeros((min(_BLOCK, inputs - start), inputs))
        basis[np.arange(len(basis)), start + np.arange(len(basis))] = 1
        parts.append(csr_array((op.apply(basis.reshape(-1, *shape)) - nothing).reshape(len(basis), -1)))
    return vstack(parts).tocsr()


def _pair(numbers: Shape) -> tuple[int, int]:
    rows, columns = numbers
    return rows, columns
