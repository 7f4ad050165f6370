"""Exact: single neurons in float64, where the faster ways leave in doubt what they send."""

from __future__ import annotations

import numba
import numpy as np

from ....converter.ops import TIE, Array
from .event_lists import EventLists
from .way import Way

__all__ = ["add_exactly", "fire_exactly"]


@numba.njit(nogil=True, cache=True)
def add_exactly(
    lists: EventLists, sample: int, steps: int, way: Way, output: int, row: int, column: int, currents: Array
) -> None:
    """Add what one neuron receives to its currents.

    Parameters
    ----------
    currents
        ``(steps,)`` float64.
    """
    to, width, weights = way.to, way.exact_width, way.exact
    columns, channels, wide = to.source_columns, to.source_channels, to.reach
    begins, taps = to.tap_begins, to.taps  # taken out once: each time costs
    codes, sizes, starts = lists.codes, lists.sizes, lists.starts
    first = (output // width) * to.weights.shape[1] * width + output % width
    for tap in range(begins[row], begins[row + 1]):
        source, number, offset = taps[tap, 0], taps[tap, 1], taps[tap, 2]
        begin = column * to.stride + offset
        shift = (source * columns + begin) * channels - number
        for t in range(steps):
            line = (source * steps + t) * columns
            start = starts[sample, line + min(max(begin, 0), columns)]
            stop = starts[sample, line + max(min(begin + wide, columns), 0)]
            total = 0.0
            for e in range(start, stop):
                total += sizes[e] * weights[first + (codes[e] - shift) * width]
            currents[t] += total


@numba.njit(nogil=True, cache=True)
def fire_exactly(
    currents: Array,
    constant: float,
    steps: int,
    voltage: float,
    n_min: float,
    n_max: float,
    events: Array,
    target: int,
    distance: int,
) -> int:
    """Write the events of one neuron, as `fire_lanes` does, and return how many there are.

    Parameters
    ----------
    currents
        ``(steps | 1,)``, in thresholds.
    """
    total, found = 0.0, 0
    for t in range(steps):
        voltage += currents[t if len(currents) > 1 else 0] + constant
        n = max(min(max(np.floor(voltage + TIE), n_min), n_max), -total)
        voltage -= n
        total += n
        found += n != 0
        events[target + t * distance] = np.int8(n)
    return found
