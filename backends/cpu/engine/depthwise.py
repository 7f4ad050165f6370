"""Depthwise convolutions of events: each channel by itself, so the channels of a place are added up side by side."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numba
import numpy as np

from ....converter.graph import Graph, Node
from ....converter.ops import Array, AvgPool, Conv, Neurons, Op
from .add_products import CHANNELS, add_own
from .event_lists import as_rows
from .events import Events
from .row_map import taps_of

__all__ = ["Depthwise", "as_depthwise", "depthwise", "depthwise_values", "flat_numbers", "gather_own", "no_depthwise"]


class Depthwise(NamedTuple):
    """A depthwise convolution with all that the compiled loops take.

    Attributes
    ----------
    weights
        What an event of size 1 adds: ``(places of the window, channels)`` float64, in activation units, padded.
    bias
        ``(channels,)`` float64, padded.
    begins, taps, reach, stride
        As in `RowMap`, of a source of one channel.
    rows, columns, channels
        Of its values. Its source has as many channels, once each is repeated for all that it goes to.
    source_rows, source_columns, source_channels
        Of its source.
    """

    weights: Array
    bias: Array
    begins: Array
    taps: Array
    reach: int
    stride: int
    rows: int
    columns: int
    channels: int
    source_rows: int
    source_columns: int
    source_channels: int


def as_depthwise(op: Op, channels: int) -> Conv | None:
    """Return the depthwise convolution that an op is on so many channels, or a mean over windows; None for others."""
    if isinstance(op, Conv):
        return op if 1 < op.groups == channels else None
    if not isinstance(op, AvgPool) or np.any(op.padding) or channels == 1:
        return None
    return Conv(
        kernel=np.full((*op.pool_size, 1, channels), 1 / prod(op.pool_size)),
        strides=op.strides,
        dilation=(1,) * len(op.pool_size),
        padding=op.padding,
        groups=channels,
    )


def depthwise(graph: Graph, node: Node) -> Depthwise:
    """Return the compiled form of a node that reads a population, and that `as_depthwise` takes."""
    source = graph.input_of(node)
    op = as_depthwise(node.op, source.shape[-1])
    if op is None or not isinstance(source.op, Neurons):
        raise TypeError(f"{node.name}: expected a depthwise convolution of events, received {node.op.kind}")
    inputs, channels = source.shape[-1], node.shape[-1]
    heights = np.broadcast_to(source.op.threshold.astype(np.float64), (inputs,)).repeat(channels // inputs)
    padded = -(-channels // CHANNELS) * CHANNELS
    weights, bias = np.zeros((prod(op.window), padded)), np.zeros(padded)
    weights[:, :channels] = op.kernel.astype(np.float64).reshape(-1, channels) * heights
    if op.bias is not None:
        bias[:channels] = op.bias
    begins, taps, reach = taps_of(op, source.shape, 1)
    return Depthwise(weights, bias, begins, taps, reach, op.strides[-1], *as_rows(node.shape), *as_rows(source.shape))


def no_depthwise() -> Depthwise:
    """Return what stands for none."""
    none, places = np.zeros((0, CHANNELS)), np.zeros((0, 3), np.int64)
    return Depthwise(none, none[:0].reshape(-1), np.zeros(1, np.int64), places, *(0,) * 8)


def flat_numbers(events: Events, to: Depthwise) -> Array:
    """Return events as `gather_own` reads them: flat int8, ``(steps, samples, places, channels)`` and some more."""
    numbers = events.dense()
    if to.channels != to.source_channels:
        numbers = numbers.repeat(to.channels // to.source_channels, axis=-1)
    flat = numbers.reshape(-1)
    return np.append(flat, np.zeros(CHANNELS, np.int8)) if to.channels % CHANNELS else flat


def depthwise_values(to: Depthwise, events: Events) -> Array:
    """Return what a depthwise convolution makes of events: ``(steps, samples, places · channels)`` float64."""
    values = np.empty((events.steps, events.samples, to.rows * to.columns * to.channels))
    _convolve(flat_numbers(events, to), to, values)
    return values


@numba.njit(nogil=True, cache=True)
def gather_own(
    numbers: Array,
    samples: int,
    steps: int,
    sample: int,
    to: Depthwise,
    row: int,
    first: int,
    last: int,
    blocks: int,
    sums: Array,
    value_at: Array,
    weight_at: Array,
) -> None:
    """Add up what the columns ``first`` up to ``last`` of a row receive.

    Parameters
    ----------
    numbers
        What `flat_numbers` returns, of so many steps and samples.
    sums
        ``(columns, blocks, steps, width)`` float64; added to.
    value_at, weight_at
        Room for the places of the window: int64.
    """
    padded, channels, columns, span = to.weights.shape[1], to.channels, to.source_columns, to.reach
    begins, taps, weights, jump = to.begins, to.taps, to.weights, to.stride  # taken out once: each time costs
    size = to.source_rows * columns * channels
    width = sums.shape[3]
    flat = sums.reshape(-1)
    for x in range(first, last):
        many = 0
        for tap in range(begins[row], begins[row + 1]):
            for i in range(span):
                column = x * jump + taps[tap, 2] + i
                if 0 <= column < columns:
                    value_at[many] = (taps[tap, 0] * columns + column) * channels
                    weight_at[many] = (taps[tap, 1] + i) * padded
                    many += 1
        for block in range(blocks):
            place = ((x - first) * blocks + block) * steps * width
            at, stride, channel = sample * size, samples * size, block * width
            add_own(
                flat,
                place,
                width,
                steps,
                numbers,
                at,
                stride,
                value_at,
                weights,
                weight_at,
                many,
                channel,
                channels,
            )


@numba.njit(nogil=True, cache=True)
def _convolve(numbers: Array, to: Depthwise, values: Array) -> None:
    """Write ``(steps, samples, rows · columns · channels)``."""
    steps, samples, channels = values.shape[0], values.shape[1], to.channels
    sums = np.empty((1, 1, steps, to.weights.shape[1]))
    value_at, weight_at = np.empty(len(to.weights), np.int64), np.empty(len(to.weights), np.int64)
    for b in range(samples):
        for y in range(to.rows):
            for x in range(to.columns):
                sums[0, 0, :] = to.bias
                gather_own(numbers, samples, steps, b, to, y, x, x + 1, 1, sums, value_at, weight_at)
                at = (y * to.columns + x) * channels
                for t in range(steps):
                    values[t, b, at : at + channels] = sums[0, 0, t, :channels]
