"""A linear op as a sparse matrix, for simulators that know no better form of it."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from ..converter.ops import Array, AvgPool, Conv, Crop, Op, Pad, Permute, Reshape, Shape, Slice, Upsample
from ..converter.ops.window import window_slices

__all__ = ["sparse_map"]

_BLOCK_BYTES = 64 * 2**20


def sparse_map(op: Op, shape: Shape) -> sparse.csr_array:
    """Return the matrix of a linear op with one input, without its bias.

    Parameters
    ----------
    op
        A linear op with one input.
    shape
        The shape of one sample of its input.

    Returns
    -------
    matrix
        ``(outputs, inputs)``, both flattened in C order.
    """
    out = math.prod(op.output_shape(shape))
    size = math.prod(shape)
    # number the inputs from 1, so that the zeros that an op adds are told apart
    numbers = np.arange(1, size + 1, dtype=np.float64).reshape(1, *shape)
    if isinstance(op, Conv):
        return _conv_map(op, numbers)
    if isinstance(op, AvgPool):
        return _pool_map(op, numbers)
    if isinstance(op, (Crop, Pad, Permute, Reshape, Slice, Upsample)):
        landed = op.apply(numbers).reshape(-1).astype(np.int64)
        rows = np.flatnonzero(landed)
        return sparse.csr_array((np.ones(len(rows)), (rows, landed[rows] - 1)), shape=(out, size))
    return _pushed_map(op, shape)


def _pushed_map(op: Op, shape: Shape) -> sparse.csr_array:
    """Return the matrix of any linear op, column by column: what it makes of each unit vector."""
    size = math.prod(shape)
    offset = op.apply(np.zeros((1, *shape))).reshape(1, -1)
    block = max(1, _BLOCK_BYTES // (8 * offset.size))
    columns = []
    for start in range(0, size, block):
        units = np.zeros((min(block, size - start), size))
        units[np.arange(len(units)), start + np.arange(len(units))] = 1
        columns.append(sparse.csc_array((op.apply(units.reshape(-1, *shape)).reshape(len(units), -1) - offset).T))
    return sparse.csr_array(sparse.hstack(columns))


def _padded(numbers: Array, padding: tuple[tuple[int, int], ...]) -> Array:
    return np.pad(numbers, ((0, 0), *padding, (0, 0)))


def _conv_map(op: Conv, numbers: Array) -> sparse.csr_array:
    shape = op.output_shape(numbers.shape[1:])
    positions, filters = math.prod(shape[:-1]), shape[-1]
    per_group, group_filters = op.kernel.shape[-2], filters // op.groups
    target = np.arange(positions * filters).reshape(positions, filters)
    rows, columns, values = [], [], []
    for offset, where in window_slices(op.window, op.strides, op.dilation, shape[:-1]):
        seen = _padded(numbers, op.padding)[where].reshape(positions, -1).astype(np.int64)
        for group in range(op.groups):
            inputs = seen[:, group * per_group : (group + 1) * per_group]
            outputs = target[:, group * group_filters : (group + 1) * group_filters]
            weights = op.kernel[offset][:, group * group_filters : (group + 1) * group_filters]
            full = (positions, per_group, group_filters)
            rows.append(np.broadcast_to(outputs[:, None, :], full).reshape(-1))
            columns.append(np.broadcast_to(inputs[:, :, None], full).reshape(-1))
            values.append(np.broadcast_to(weights[None], full).reshape(-1).astype(np.float64))
    row, column, value = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
    real = column > 0
    size = numbers.size
    return sparse.csr_array((value[real], (row[real], column[real] - 1)), shape=(positions * filters, size))


def _pool_map(op: AvgPool, numbers: Array) -> sparse.csr_array:
    shape = op.output_shape(numbers.shape[1:])
    counts = np.broadcast_to(op.counts(numbers.shape[1:]), shape).reshape(-1)
    rows, columns = [], []
    for _, where in window_slices(op.pool_size, op.strides, (1,) * len(op.pool_size), shape[:-1]):
        seen = _padded(numbers, op.padding)[where].reshape(-1).astype(np.int64)
        real = np.flatnonzero(seen)
        rows.append(real)
        columns.append(seen[real] - 1)
    row, column = np.concatenate(rows), np.concatenate(columns)
    return sparse.csr_array((1 / counts[row], (row, column)), shape=(math.prod(shape), numbers.size))
