"""Populations in whole numbers: as `population`, twice as fast, and neurons in doubt are run again in float64."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ....converter.ops import Array
from .bits import largest_size, lowest_bit
from .event_lists import CHUNK, EventLists, append_row
from .exact import add_exactly, fire_exactly
from .fire_phase import fire_phase
from .fire_whole import fire_whole
from .gather import gather
from .llvm import LANES
from .population import Firing
from .row_map import RowMap

__all__ = ["Way", "run_constant", "run_whole"]


class Way(NamedTuple):
    """A way by which events come in, in whole numbers and exactly.

    Attributes
    ----------
    to
        In parts of the thresholds: int32.
    exact
        In thresholds: float64.
    """

    to: RowMap
    exact: RowMap


@numba.njit(nogil=True, cache=True)
def run_whole(
    first_source: EventLists,
    first_way: Way,
    second_source: EventLists,
    second_way: Way,
    both: bool,
    steps: int,
    constant: Array,
    setup: Array,
    firing: Firing,
    lists: EventLists,
    dense: Array,
    counts: Array,
    sums: Array,
    reach: Array,
) -> int:
    """Run a population for a block of samples on events.

    Parameters
    ----------
    both
        Whether there is a second way.
    constant
        What each neuron receives in each step besides, in thresholds: ``(places | 1, lanes)`` float64.
    setup
        ``(places | 1, 3, lanes)`` int32, as `fire_whole` takes it.
    lists
        Its events; written.
    dense
        The same as ``(steps, samples, neurons)`` int8; written where it has any size.
    counts
        ``(2, samples)``: its events, and the synapses that they pass; written.
    sums, reach
        What ``gather`` needs for one place at least.

    Returns
    -------
    doubtful
        How many neurons were run again.
    """
    to = first_way.to
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    lanes, each = blocks * width, blocks * steps * width
    many = max(len(sums) // each, 1)
    wide = firing.channels
    length = -(-to.columns * wide // CHUNK) * CHUNK
    events = np.zeros(steps * length, np.int8)
    sent = np.zeros(lanes, np.int32)
    bounds = np.zeros(steps, np.int32)
    exact = np.empty(steps)
    n_min, n_max = int(firing.n_min), int(firing.n_max)
    found, doubtful = 0, 0
    for b in range(counts.shape[1]):
        spikes, operations, largest = 0.0, 0.0, 0
        size = max(first_source.largest[b], second_source.largest[b] if both else 0)
        for y in range(to.rows):
            for first in range(0, to.columns, many):
                last = min(first + many, to.columns)
                sums[: (last - first) * each] = 0
                reach[: (last - first) * steps] = 0
                gather(first_source, b, steps, to, y, first, last, sums, reach)
                if both:
                    gather(second_source, b, steps, second_way.to, y, first, last, sums, reach)
                for x in range(first, last):
                    at = y * to.columns + x
                    of = at if len(setup) > 1 else 0
                    reached = 0
                    for t in range(steps):
                        reached += reach[(x - first) * steps + t]
                        bounds[t] = (reached * size + t) // 2 + 3
                    for lane in range(0, lanes, LANES):
                        block = lane // width
                        place = (x - first) * each + block * steps * width + lane % width
                        target = x * wide + lane
                        doubt = fire_whole(
                            sums,
                            place,
                            width,
                            steps,
                            setup,
                            of * 3 * lanes + lane,
                            lanes,
                            bounds,
                            0,
                            n_min,
                            n_max,
                            events,
                            target,
                            length,
                            sent,
                            lane,
                        )
                        while doubt:
                            bit = lowest_bit(doubt)
                            doubt &= doubt - np.uint64(1)
                            o = lane + bit
                            if o >= to.outputs:
                                continue
                            exact[:] = 0
                            add_exactly(first_source, b, steps, first_way.exact, o, y, x, exact)
                            if both:
                                add_exactly(second_source, b, steps, second_way.exact, o, y, x, exact)
                            sent[o] = fire_exactly(
                                exact,
                                constant[at if len(constant) > 1 else 0, o],
                                steps,
                                firing.voltage[at if len(firing.voltage) > 1 else 0, o],
                                firing.n_min,
                                firing.n_max,
                                events,
                                x * wide + o,
                                length,
                            )
                            doubtful += 1
                    more, passed = _count(sent, firing.synapses, at if len(firing.synapses) > 1 else 0, to.outputs)
                    spikes += more
                    operations += passed
            largest = max(largest, largest_size(events, len(events)))
            found = _list_row(events, steps, length, y, to, wide, lists, b, found, dense)
        lists.starts[b, to.rows * steps * to.columns] = found
        lists.largest[b] = largest
        counts[0, b] = spikes
        counts[1, b] = operations
    return doubtful


@numba.njit(nogil=True, cache=True)
def run_constant(
    source: EventLists,
    steps: int,
    to: RowMap,
    setup: Array,
    firing: Firing,
    lists: EventLists,
    dense: Array,
    counts: Array,
    sums: Array,
    reach: Array,
) -> int:
    """Run a population for a block of samples on values that never change; as `run_whole`.

    Parameters
    ----------
    source
        The values, in one step.
    setup
        ``(places | 1, 2, lanes)`` float64, as `fire_phase` takes it.
    """
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    lanes = blocks * width
    many = max(len(sums) // lanes, 1)
    wide = firing.channels
    length = -(-to.columns * wide // CHUNK) * CHUNK
    events = np.zeros(steps * length, np.int8)
    sent = np.zeros(lanes, np.int32)
    exact = np.empty(1)
    found, doubtful = 0, 0
    for b in range(counts.shape[1]):
        spikes, operations, largest = 0.0, 0.0, 0
        for y in range(to.rows):
            for first in range(0, to.columns, many):
                last = min(first + many, to.columns)
                sums[: (last - first) * lanes] = 0
                gather(source, b, 1, to, y, first, last, sums, reach)
                for x in range(first, last):
                    at = y * to.columns + x
                    of = at if len(setup) > 1 else 0
                    for lane in range(0, lanes, LANES):
                        place = (x - first) * lanes + lane
                        doubt = fire_phase(
                            sums,
                            place,
                            steps,
                            setup,
                            of * 2 * lanes + lane,
                            lanes,
                            firing.n_max,
                            events,
                            x * wide + lane,
                            length,
                            sent,
                            lane,
                        )
                        while doubt:
                            bit = lowest_bit(doubt)
                            doubt &= doubt - np.uint64(1)
                            o = lane + bit
                            if o >= to.outputs:
                                continue
                            exact[0] = sums[place + bit]
                            sent[o] = fire_exactly(
                                exact,
                                setup[of, 1, o],
                                steps,
                                setup[of, 0, o],
                                firing.n_min,
                                firing.n_max,
                                events,
                                x * wide + o,
                                length,
                            )
                            doubtful += 1
                    more, passed = _count(sent, firing.synapses, at if len(firing.synapses) > 1 else 0, to.outputs)
                    spikes += more
                    operations += passed
            largest = max(largest, largest_size(events, len(events)))
            found = _list_row(events, steps, length, y, to, wide, lists, b, found, dense)
        lists.starts[b, to.rows * steps * to.columns] = found
        lists.largest[b] = largest
        counts[0, b] = spikes
        counts[1, b] = operations
    return doubtful


@numba.njit(nogil=True, cache=True)
def _count(sent: Array, synapses: Array, place: int, outputs: int) -> tuple[int, float]:
    """Return the events of a place, and the synapses that they pass."""
    spikes, operations = 0, 0.0
    if synapses.shape[1] == 1:
        for o in range(outputs):
            spikes += sent[o]
        return spikes, spikes * synapses[place, 0]
    for o in range(outputs):
        spikes += sent[o]
        operations += sent[o] * synapses[place, o]
    return spikes, operations


@numba.njit(nogil=True, cache=True)
def _list_row(
    events: Array,
    steps: int,
    length: int,
    row: int,
    to: RowMap,
    channels: int,
    lists: EventLists,
    sample: int,
    found: int,
    dense: Array,
) -> int:
    """Append the events of a row in all steps to the lists, and copy them to where they are for each neuron."""
    for t in range(steps):
        place = (row * steps + t) * to.columns
        found = append_row(events, t, length, row * to.columns * channels, channels, lists, sample, place, found)
        if dense.size:
            for x in range(to.columns):
                neuron = (row * to.columns + x) * to.outputs
                begin = t * length + x * channels
                dense[t, sample, neuron : neuron + to.outputs] = events[begin : begin + to.outputs]
    return found
