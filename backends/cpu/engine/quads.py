"""Quads: gathering in whole numbers where many neurons send, every weight times every number of events."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ....converter.ops import Array
from ...llvm import LANES
from .add_products import CHANNELS, add_own
from .add_quads import DIGITS, MULTIPLIES_QUADS, QUAD, add_ints, add_quads, copy_raised
from .row_map import RowMap
from .way import Way

__all__ = [
    "LARGEST",
    "Quads",
    "Unpacked",
    "add_products_exactly",
    "gather_quads",
    "is_quicker",
    "no_quads",
    "quads_of",
    "unpack",
]

_MOST_WEIGHTS = 2**22  # of a map; the digits of more are not kept beside the weights
LARGEST = 2 ** (8 * DIGITS - 1) - 2 ** (8 * (DIGITS - 1))
"""The largest weight that the digits hold."""
# Nanoseconds, as measured on AMD Zen 4: of a run of events in a row, of an event and of each vector that it adds, of a
# product of vectors, of writing and reading a place's numbers of a step, and of an event and a number in float64.
_RUN, _EVENT, _VECTOR, _PRODUCT, _PLACE, _EXACT_EVENT, _EXACT_NUMBER = 6.0, 0.45, 0.3, 0.27, 12.0, 0.9, 0.08


class Quads(NamedTuple):
    """The weights of a map, digit by digit.

    Attributes
    ----------
    digits
        Flat int8: ``(outputs / LANES, places of the window, quads, DIGITS, LANES, QUAD)``.
    totals
        Flat int32: ``(places of the window, outputs)``, the sum of the weights of all channels.
    raised
        What is added to each number of events, so that none is below zero.
    channels
        Of the source.
    """

    digits: Array
    totals: Array
    raised: int
    channels: int


class Unpacked(NamedTuple):
    """What a source sent in a sample.

    Attributes
    ----------
    numbers
        Flat uint8: ``(places, steps, channels)``, raised.
    sizes
        Flat int32: ``(places, steps)``, the steps padded to whole vectors: the sum of the sizes of the events.
    """

    numbers: Array
    sizes: Array


def no_quads() -> Quads:
    """Return what stands for none."""
    return Quads(np.zeros(0, np.int8), np.zeros(0, np.int32), 0, 0)


def is_quicker(to: RowMap, channels: int, density: float, doubtful: float) -> bool:
    """Say whether multiplying everything is quicker than adding the weights of the events, by a model of both.

    Parameters
    ----------
    channels
        Of the source.
    density
        The share of its neurons that send in a step.
    doubtful
        The share of the outputs that are run again.
    """
    blocks, _, width = to.weights.shape
    if not MULTIPLIES_QUADS or channels % CHANNELS or to.weights.size > _MOST_WEIGHTS:
        return False
    runs = len(to.taps) / to.rows
    numbers, again = runs * to.reach * channels, doubtful * to.outputs
    sparse = blocks * runs * _RUN + numbers * density * (blocks * (_EVENT + _VECTOR * width / LANES))
    products = numbers / QUAD * DIGITS * blocks * width / LANES
    places = to.source_rows * to.source_columns / (to.rows * to.columns)
    dense = _PRODUCT * products + _PLACE * places
    return bool(dense + again * numbers * _EXACT_NUMBER < sparse + again * numbers * density * _EXACT_EVENT)


def quads_of(to: RowMap, n_min: int, channels: int) -> Quads:
    """Return the weights of a map in whole numbers, up to `LARGEST`, for numbers of events from ``n_min`` on."""
    blocks, rows, width = to.weights.shape
    places, raised = rows // to.source_channels, max(-n_min, 0)
    weights = to.weights.reshape(blocks, places, to.source_channels, width)[:, :, :channels]
    totals = weights.sum(axis=2, dtype=np.int64).transpose(1, 0, 2).reshape(-1)
    split = weights.reshape(blocks, places, channels // QUAD, QUAD, width // LANES, LANES)
    left = split.transpose(0, 4, 1, 2, 5, 3).astype(np.int32)  # (blocks, groups, places, quads, LANES, QUAD)
    digits = np.empty((*left.shape[:4], DIGITS, LANES, QUAD), np.int8)
    for place in range(DIGITS):
        digit = left.astype(np.int8)  # the lowest byte, from -128 to 127
        digits[..., place, :, :] = digit
        left = (left - digit) >> 8
    return Quads(digits.reshape(-1), (totals * raised).astype(np.int32), raised, channels)


@numba.njit(nogil=True, cache=True)
def unpack(numbers: Array, sample: int, quads: Quads, into: Unpacked) -> None:
    """Write what a source sent in a sample.

    Parameters
    ----------
    numbers
        ``(steps, samples, places · channels)`` int8.
    """
    steps, samples, size = numbers.shape
    flat, channels, raised = numbers.reshape(-1), quads.channels, quads.raised
    sent, sizes = into.numbers, into.sizes  # taken out once: each time costs
    padded = -(-steps // LANES) * LANES
    for t in range(steps):
        first = (t * samples + sample) * size
        for place in range(size // channels):
            at, to = first + place * channels, (place * steps + t) * channels
            sizes[place * padded + t] = copy_raised(flat, at, channels, raised, sent, to)


@numba.njit(nogil=True, cache=True)
def add_products_exactly(
    sent: Unpacked, quads: Quads, steps: int, way: Way, output: int, row: int, column: int, currents: Array
) -> None:
    """Add what one neuron receives, in float64, to its currents ``(steps,)``; its weights lie output by output."""
    to, channels = way.to, quads.channels
    chunks = channels // CHANNELS
    most = to.weights.shape[1] // to.source_channels * chunks
    number_at, weight_at = np.empty(most, np.int64), np.empty(most, np.int64)
    many = 0
    for tap in range(to.tap_begins[row], to.tap_begins[row + 1]):
        source, number, offset = to.taps[tap, 0], to.taps[tap, 1], to.taps[tap, 2]
        for i in range(to.reach):
            from_column = column * to.stride + offset + i
            if 0 <= from_column < to.source_columns:
                at = (source * to.source_columns + from_column) * steps * channels
                begin = output * to.weights.shape[1] + number + i * to.source_channels
                for chunk in range(chunks):
                    number_at[many] = at + chunk * CHANNELS
                    weight_at[many] = begin + chunk * CHANNELS
                    many += 1
    sums = np.zeros((steps + 1) * CHANNELS)  # those of each step, and of what all were raised by
    numbers = sent.numbers.view(np.int8)
    add_own(sums, 0, CHANNELS, steps, numbers, 0, channels, number_at, way.exact, weight_at, many, 0, CHANNELS)
    raised, nowhere = np.full(CHANNELS, quads.raised, np.int8), np.zeros(many, np.int64)
    last = steps * CHANNELS
    add_own(sums, last, CHANNELS, 1, raised, 0, 0, nowhere, way.exact, weight_at, many, 0, CHANNELS)
    for t in range(steps):
        for c in range(CHANNELS):
            currents[t] += sums[t * CHANNELS + c] - sums[last + c]


@numba.njit(nogil=True, cache=True)
def gather_quads(
    sent: Unpacked, quads: Quads, steps: int, to: RowMap, row: int, first: int, last: int, sums: Array, reach: Array
) -> None:
    """Add up what the columns ``first`` up to ``last`` of a row receive; as `gather`.

    Parameters
    ----------
    reach
        As in `gather`, with room for a vector more.
    """
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    lanes, channels = blocks * width, quads.channels
    wide, columns, stride, span = to.source_channels, to.source_columns, to.stride, to.reach
    window = to.weights.shape[1] // wide
    begins, taps = to.tap_begins, to.taps  # taken out once: each time costs
    numbers, sizes, digits, totals, raised = sent.numbers, sent.sizes, quads.digits, quads.totals, quads.raised
    padded, depth = -(-steps // LANES) * LANES, channels // QUAD
    each = depth * DIGITS * LANES * QUAD
    number_at, digit_at = np.empty(window, np.int64), np.empty(window, np.int64)
    less, of_all = np.zeros(lanes, np.int32), False
    for x in range(first, last):
        many = 0
        for tap in range(begins[row], begins[row + 1]):
            source, number, offset = taps[tap, 0], taps[tap, 1], taps[tap, 2]
            for i in range(span):
                column = x * stride + offset + i
                if 0 <= column < columns:
                    place = source * columns + column
                    number_at[many] = place * steps * channels
                    digit_at[many] = (number // wide + i) * each
                    add_ints(reach, (x - first) * steps, sizes, place * padded, steps)
                    many += 1
        if raised and not (of_all and many == window):
            for lane in range(lanes):
                less[lane] = 0
            for k in range(many):
                add_ints(less, 0, totals, digit_at[k] // each * lanes, lanes)
            of_all = many == window
        for lane in range(0, lanes, LANES):
            place = ((x - first) * blocks + lane // width) * steps * width + lane % width
            begin = lane // LANES * window * each
            add_quads(
                sums,
                place,
                width,
                steps,
                numbers,
                channels,
                number_at,
                digits,
                begin,
                digit_at,
                many,
                depth,
                less,
                lane,
            )
