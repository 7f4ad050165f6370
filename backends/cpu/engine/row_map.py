"""RowMap: a convolution or a dense layer as rows of weights that events add to the values they reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ....converter.ops import Array, Conv, Dense, Shape
from .add_rows import WIDTHS
from .event_lists import as_rows

__all__ = ["RowMap", "in_lanes", "narrowed", "no_map", "row_map", "scaled", "taps_of"]


class RowMap(NamedTuple):
    """Where the events of a source go. Spatial axes before the last one are one axis of rows.

    Attributes
    ----------
    weights
        ``(blocks, rows of weights, width)``: for each place of the window and each channel of the source, what an event
        of size 1 adds; the outputs are cut into blocks of ``width`` and padded.
    constant
        ``(places | 1, outputs)`` float64, padded: what is added in each step besides.
    taps
        For output row r, the taps ``tap_begins[r]`` up to ``tap_begins[r + 1]``: the source's row, the first row of
        weights, and the source's column for output column 0. A tap is ``reach`` columns wide.
    """

    weights: Array
    constant: Array
    tap_begins: Array
    taps: Array
    reach: int
    stride: int
    rows: int
    columns: int
    outputs: int
    source_rows: int
    source_columns: int
    source_channels: int


def row_map(op: Conv | Dense | None, shape: Shape, channels: int, *, flat: bool = False) -> RowMap:
    """Return the map of an op on a source of this shape, in float64 and activation units; of None, the identity.

    Parameters
    ----------
    channels
        How many channels the codes of the source count.
    flat
        A dense layer that takes the flattened source.
    """
    if op is None:
        return _dense_map(Dense(kernel=np.eye(shape[-1])), shape, channels)
    if isinstance(op, Conv):
        return _conv_map(op, shape, channels)
    return _flat_dense_map(op, shape, channels) if flat else _dense_map(op, shape, channels)


def scaled(to: RowMap, heights: Array, thresholds: Array, correction: Array) -> RowMap:
    """Return the map of events instead of values, into thresholds instead of activations; its weights are changed.

    Parameters
    ----------
    heights
        What an event of each channel of the source is worth, or of all.
    thresholds
        θ of each output, or of all.
    correction
        What each output receives in each step besides: ``(places | 1, lanes)``, in activation units.
    """
    blocks, _, width = to.weights.shape
    per_threshold = in_lanes(1 / np.broadcast_to(thresholds, (to.outputs,)), to)
    factors = np.zeros(to.source_channels)
    factors[:] = heights if heights.size == 1 else 0
    factors[: heights.size] = heights
    places = to.weights.reshape(blocks, -1, to.source_channels, width)
    for block, lanes in zip(places, per_threshold.reshape(blocks, width), strict=True):
        block *= factors[:, None] * lanes  # block by block: large layers are not copied
    return to._replace(constant=(to.constant + correction) * per_threshold)


def narrowed(to: RowMap) -> RowMap:
    """Return the map with its outputs in the narrowest blocks: for values, which read the weights often."""
    blocks, rows, width = to.weights.shape
    narrow = min(WIDTHS)
    cut = to.weights.reshape(blocks, rows, width // narrow, narrow).transpose(0, 2, 1, 3)
    return to._replace(weights=np.ascontiguousarray(cut).reshape(-1, rows, narrow))


def in_lanes(values: Array, to: RowMap) -> Array:
    """Return values of each output, ``(places · outputs,)``, padded with zeros: ``(places, lanes)``.

    Places with the same values are one.
    """
    each = values.reshape(-1, to.outputs).astype(np.float64)
    if (each == each[0]).all():
        each = each[:1]
    full = np.zeros((len(each), to.weights.shape[0] * to.weights.shape[2]))
    full[:, : to.outputs] = each
    return full


def _dense_map(op: Dense, shape: Shape, channels: int) -> RowMap:
    rows, columns, _ = as_rows(shape)
    kernel = op.kernel[None]
    taps = np.zeros((rows, 3), np.int64)
    taps[:, 0] = np.arange(rows)
    return _made(kernel, op.bias, np.arange(rows + 1), taps, 1, 1, (rows, columns), (rows, columns, channels))


def _flat_dense_map(op: Dense, shape: Shape, channels: int) -> RowMap:
    """Return the map of a dense layer on the flattened source of this shape."""
    rows, columns, depth = as_rows(shape)
    kernel = op.kernel.reshape(rows * columns, depth, -1)
    taps = np.zeros((rows, 3), np.int64)
    taps[:, 0] = np.arange(rows)
    taps[:, 1] = np.arange(rows) * columns * channels
    return _made(kernel, op.bias, np.array([0, rows]), taps, columns, 1, (1, 1), (rows, columns, channels))


def _conv_map(op: Conv, shape: Shape, channels: int) -> RowMap:
    kernel = op.kernel.reshape(-1, *op.kernel.shape[-2:])
    begins, taps, reach = taps_of(op, shape, channels)
    out, source = as_rows(op.output_shape(shape)), as_rows(shape)
    return _made(kernel, op.bias, begins, taps, reach, op.strides[-1], out[:2], (*source[:2], channels))


def taps_of(op: Conv, shape: Shape, channels: int) -> tuple[Array, Array, int]:
    """Return the taps of a convolution on a source of this shape, where they begin, and their reach, as in `RowMap`."""
    *high, width = op.window
    left, wide = op.padding[-1][0], op.dilation[-1] == 1
    begins, taps = [0], []
    for row in np.ndindex(*op.output_shape(shape)[:-2]):
        for offset in np.ndindex(*high):
            axes = zip(row, offset, op.strides, op.dilation, op.padding, strict=False)
            at = [r * s + o * d - before for r, o, s, d, (before, _) in axes]
            if any(a < 0 or a >= n for a, n in zip(at, shape, strict=False)):
                continue
            source = int(np.ravel_multi_index(at, shape[:-2])) if at else 0
            weights = (int(np.ravel_multi_index(offset, high)) if high else 0) * width
            if wide:
                taps.append((source, weights * channels, -left))
            else:
                taps += [(source, (weights + k) * channels, k * op.dilation[-1] - left) for k in range(width)]
        begins.append(len(taps))
    return np.array(begins, np.int64), np.array(taps, np.int64).reshape(-1, 3), width if wide else 1


def no_map(shape: Shape) -> RowMap:
    """Return the map of a population of this shape to which no events come."""
    rows, columns, outputs = as_rows(shape)
    begins, taps = np.zeros(rows + 1, np.int64), np.zeros((0, 3), np.int64)
    return _made(np.zeros((1, 1, outputs)), None, begins, taps, 1, 1, (rows, columns), (1, 1, 1))


def _made(
    kernel: Array,
    bias: Array | None,
    begins: Array,
    taps: Array,
    reach: int,
    stride: int,
    out: tuple[int, int],
    source: tuple[int, int, int],
) -> RowMap:
    """Return the map of a kernel ``(places of the window, inputs, outputs)``."""
    places, inputs, outputs = kernel.shape
    width = min(WIDTHS, key=lambda w: (-(-outputs // w) * w, -w))
    blocks = -(-outputs // width)
    weights = np.zeros((blocks, places, source[2], width))
    for block in range(blocks):
        part = kernel[..., block * width : (block + 1) * width]
        weights[block, :, :inputs, : part.shape[-1]] = part
    constant = np.zeros((1, blocks * width))
    if bias is not None:
        constant[0, :outputs] = bias
    return RowMap(
        weights=weights.reshape(blocks, -1, width),
        constant=constant,
        tap_begins=begins.astype(np.int64),
        taps=taps,
        reach=reach,
        stride=stride,
        rows=out[0],
        columns=out[1],
        outputs=outputs,
        source_rows=source[0],
        source_columns=source[1],
        source_channels=source[2],
    )
