"""Exact: single neurons in float64, where the faster ways leave in doubt what they send."""

from __future__ import annotations

import numba
import numpy as np

from ....converter.ops import TIE, Array
from .event_lists import EventLists
from .row_map import RowMap

__all__ = ["add_exactly", "fire_exactly"]


@numba.njit(nogil=True, cache=True)
def add_exactly(
    lists: EventLists, sample: int, steps: int, to: RowMap, output: int, row: int, column: int, currents: Array
) -> None:
    """Add what one neuron receives to its currents.

    Parameters
    ----------
    to
        In thresholds: float64.
    currents
        ``(steps,)`` float64.
    """
    columns, channels = to.source_columns, to.source_channels
    weights, width = to.weights, to.weights.shape[2]
    block, lane = output // width, output % width
    for tap in range(to.tap_begins[row], to.tap_begins[row + 1]):
        source, number, offset = to.taps[tap, 0], to.taps[tap, 1], to.taps[tap, 2]
        begin = column * to.stride + offset
        shift = (source * columns + begin) * channels - number
        for t in range(steps):
            line = (source * steps + t) * columns
            start = lists.starts[sample, line + min(max(begin, 0), columns)]
            stop = lists.starts[sample, line + max(min(begin + to.reach, columns), 0)]
            total = 0.0
            for e in range(start, stop):
                total += lists.sizes[e] * weights[block, lists.codes[e] - shift, lane]
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
