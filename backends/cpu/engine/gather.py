"""Gathering: the currents of a stretch of a row of neurons, from the events of their source."""

from __future__ import annotations

import numba

from ....converter.ops import Array
from .add_products import add_spread
from .add_rows import add_rows_16, add_rows_32, add_rows_64
from .event_lists import EventLists
from .row_map import RowMap

__all__ = ["gather", "gather_currents", "gather_values"]


@numba.njit(nogil=True, cache=True)
def gather(
    lists: EventLists, sample: int, steps: int, to: RowMap, row: int, first: int, last: int, sums: Array, reach: Array
) -> None:
    """Add up what the columns ``first`` up to ``last`` of a row receive.

    Parameters
    ----------
    sums
        Flat: ``(columns, blocks, steps, width)``; added to.
    reach
        Flat: ``(columns, steps)`` int32: the absolute sizes of the events that reach each column; added to.
    """
    weights, starts = to.weights, lists.starts
    blocks, width = weights.shape[0], weights.shape[2]
    columns, channels, stride, wide = to.source_columns, to.source_channels, to.stride, to.reach
    begins, taps = to.tap_begins, to.taps  # taken out once: each time costs
    codes, sizes = lists.codes, lists.sizes
    origin = sample * starts.shape[1]
    for block in range(blocks):
        for tap in range(begins[row], begins[row + 1]):
            source, number, offset = taps[tap, 0], taps[tap, 1], taps[tap, 2]
            for x in range(first, last):
                begin = x * stride + offset
                shift = (source * columns + begin) * channels - number
                left, right = min(max(begin, 0), columns), max(min(begin + wide, columns), 0)
                if left >= right:
                    continue
                line, span = origin + source * steps * columns + left, right - left
                place, reached = ((x - first) * blocks + block) * steps * width, (x - first) * steps
                if width == 64:
                    add_rows_64(
                        sums,
                        place,
                        weights,
                        block,
                        codes,
                        sizes,
                        starts,
                        line,
                        span,
                        columns,
                        steps,
                        shift,
                        reach,
                        reached,
                    )
                elif width == 32:
                    add_rows_32(
                        sums,
                        place,
                        weights,
                        block,
                        codes,
                        sizes,
                        starts,
                        line,
                        span,
                        columns,
                        steps,
                        shift,
                        reach,
                        reached,
                    )
                else:
                    add_rows_16(
                        sums,
                        place,
                        weights,
                        block,
                        codes,
                        sizes,
                        starts,
                        line,
                        span,
                        columns,
                        steps,
                        shift,
                        reach,
                        reached,
                    )


@numba.njit(nogil=True, cache=True)
def gather_values(values: Array, sample: int, to: RowMap, row: int, first: int, last: int, sums: Array) -> None:
    """Add up what the columns ``first`` up to ``last`` of a row receive from values that are seldom zero.

    Parameters
    ----------
    values
        ``(steps, samples, neurons of the source)`` float64, C-contiguous.
    to
        In float64.
    sums
        As in `gather`.
    """
    weights, flat = to.weights, values.reshape(-1)
    blocks, width = weights.shape[0], weights.shape[2]
    columns, channels, steps, wide = to.source_columns, to.source_channels, values.shape[0], to.reach
    begins, taps = to.tap_begins, to.taps
    stride = values.shape[1] * values.shape[2]
    for block in range(blocks):
        for tap in range(begins[row], begins[row + 1]):
            source, number, offset = taps[tap, 0], taps[tap, 1], taps[tap, 2]
            for x in range(first, last):
                begin = x * to.stride + offset
                left, right = min(max(begin, 0), columns), max(min(begin + wide, columns), 0)
                if left >= right:
                    continue
                value = sample * values.shape[2] + (source * columns + left) * channels
                weight = (block * weights.shape[1] + number + (left - begin) * channels) * width
                place = ((x - first) * blocks + block) * steps * width
                many = (right - left) * channels
                add_spread(sums, place, width, steps, flat, value, stride, weights, weight, many)


@numba.njit(nogil=True, cache=True)
def gather_currents(
    lists: EventLists, values: Array, steps: int, to: RowMap, sums: Array, reach: Array, currents: Array
) -> None:
    """Write what all the places receive: ``(steps, samples, rows · columns · outputs)``.

    Parameters
    ----------
    values
        As in `gather_values`, where it has any size; the lists are not read then.
    sums, reach
        What ``gather`` needs for one place at least.
    """
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    each = blocks * steps * width
    many = max(len(sums) // each, 1)
    for b in range(currents.shape[1]):
        for y in range(to.rows):
            for first in range(0, to.columns, many):
                last = min(first + many, to.columns)
                sums[: (last - first) * each] = 0
                if values.size:
                    gather_values(values, b, to, y, first, last, sums)
                else:
                    gather(lists, b, steps, to, y, first, last, sums, reach)
                for x in range(first, last):
                    target = (y * to.columns + x) * to.outputs
                    constant = to.constant[0 if to.constant.shape[0] == 1 else y * to.columns + x]
                    for block in range(blocks):
                        filled = min(width, to.outputs - block * width)
                        for t in range(steps):
                            place = (x - first) * each + (block * steps + t) * width
                            for i in range(filled):
                                o = block * width + i
                                currents[t, b, target + o] = sums[place + i] + constant[o]
