"""Event lists: the events of a population as codes and sizes, in an order in which windows find theirs side by side."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numba
import numpy as np

from ....converter.ops import Array, Shape
from .bits import PACKS, count_bits, lowest_bit, nonzero_bits, pack_chunk

__all__ = [
    "CHUNK",
    "EventLists",
    "Source",
    "append_row",
    "as_rows",
    "list_events",
    "list_values",
    "padded_channels",
]

CHUNK = 64  # bytes that are searched for events at once


class EventLists(NamedTuple):
    """What a population sends in some steps, or the values of an analog signal that are not zero.

    The events of a sample come row by row of its map, inside it step by step, inside it column by column, and inside it
    channel by channel: those of one step that lie side by side in a row lie side by side here.

    Attributes
    ----------
    codes
        Which neuron: ``(row · columns + column) · channels + channel``, int32.
    sizes
        n of each event, int8, or a value, float64.
    starts
        ``(samples, rows · steps · columns + 1)``: where the events of each place at each step begin.
    """

    codes: Array
    sizes: Array
    starts: Array


class Source(NamedTuple):
    """What comes in: lists for each step, and a list of one step for what is sent in every step besides.

    A neuron with a constant current of 0.9 thresholds sends an event in nine steps of ten. Said as one event in every
    step and one event of -1 in a step of ten, that is less to add up.

    Attributes
    ----------
    lists, steady
        As lists; what was sent in a step is the sum of both.
    steadies
        Whether there is anything steady.
    """

    lists: EventLists
    steady: EventLists
    steadies: bool


def as_rows(shape: Shape) -> tuple[int, int, int]:
    """Return the rows, columns and channels of a sample of this shape."""
    if len(shape) < 2:
        return 1, 1, prod(shape)
    return prod(shape[:-2]), shape[-2], shape[-1]


def padded_channels(channels: int) -> int:
    """Return how many channels the codes of a population count: whole chunks, or a whole part of one."""
    for part in (16, 32):
        if channels <= part:
            return part
    return -(-channels // CHUNK) * CHUNK


@numba.njit(nogil=True, cache=True)
def append_row(
    row: Array, step: int, length: int, base: int, channels: int, lists: EventLists, sample: int, first: int, found: int
) -> int:
    """Append the events of a row of the map at one step, and write where those of each place begin.

    Parameters
    ----------
    row
        Flat int8, padded to whole chunks: the events of this step from ``step · length`` on.
    base
        The code of the first.
    first
        The place of the row in ``starts``.
    found
        How many events the lists hold.

    Returns
    -------
    found
        How many they hold now.
    """
    codes, sizes, starts = lists.codes, lists.sizes, lists.starts
    places = CHUNK // channels
    chunks_each = channels // CHUNK
    for chunk in range(length // CHUNK):
        at = step * length + chunk * CHUNK
        code = base + chunk * CHUNK
        bits = pack_chunk(row, at, code, codes, sizes, found) if PACKS else nonzero_bits(row, at)
        if places:
            for place in range(places):
                mask = (np.uint64(1) << np.uint64(place * channels)) - np.uint64(1)
                index = chunk * places + place
                if first + index < starts.shape[1]:
                    starts[sample, first + index] = found + count_bits(bits & mask)
        elif chunk % chunks_each == 0:
            starts[sample, first + chunk // chunks_each] = found
        if PACKS:
            found += count_bits(bits)
            continue
        while bits:
            bit = lowest_bit(bits)
            bits &= bits - np.uint64(1)
            codes[found] = code + bit
            sizes[found] = row[at + bit]
            found += 1
    return found


@numba.njit(nogil=True, cache=True)
def list_events(events: Array, rows: int, columns: int, channels: int, padded: int, lists: EventLists) -> None:
    """List events ``(steps, samples, rows · columns · channels)`` int8."""
    steps, samples = events.shape[0], events.shape[1]
    length = -(-columns * padded // CHUNK) * CHUNK
    row = np.zeros(length, np.int8)
    found = 0
    for b in range(samples):
        for y in range(rows):
            for t in range(steps):
                source = events[t, b]
                for x in range(columns):
                    begin = (y * columns + x) * channels
                    row[x * padded : x * padded + channels] = source[begin : begin + channels]
                base = y * columns * padded
                found = append_row(row, 0, length, base, padded, lists, b, (y * steps + t) * columns, found)
        lists.starts[b, rows * steps * columns] = found


@numba.njit(nogil=True, cache=True)
def list_values(values: Array, rows: int, columns: int, channels: int, lists: EventLists) -> None:
    """List the values ``(samples, rows · columns · channels)`` of an analog signal that are not zero, as one step's."""
    found = 0
    for b in range(len(values)):
        for place in range(rows * columns):
            lists.starts[b, place] = found
            for q in range(place * channels, (place + 1) * channels):
                if values[b, q] != 0:
                    lists.codes[found] = q
                    lists.sizes[found] = values[b, q]
                    found += 1
        lists.starts[b, rows * columns] = found
