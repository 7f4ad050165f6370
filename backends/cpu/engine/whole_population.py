"""Populations in whole numbers: as `population`, twice as fast, and neurons in doubt are run again in float64."""

from __future__ import annotations

import numba
import numpy as np

from ....converter.ops import Array
from ...llvm import LANES
from .bits import copy_lanes, lowest_bit, sum_lanes
from .counts import passed_by
from .event_lists import CHUNK, EventLists, append_row
from .exact import fire_exactly
from .fire_phase import fire_phase
from .fire_whole import fire_whole
from .gather import gather
from .incoming import Incoming, collect, collect_exactly, room_for
from .population import Firing
from .quads import unpack
from .row_map import RowMap

__all__ = ["run_constant", "run_whole"]


_WIDEST = 2**23  # the widest bound that voltages have room for; `ways` leaves twice as much
_WORTH_A_LOOK = 4  # as many groups of neurons, of which one is silent
_ALL = np.uint64(2**LANES - 1)


@numba.njit(nogil=True, cache=True)
def run_whole(
    by_first: Incoming,
    by_second: Incoming,
    both: bool,
    steps: int,
    constant: Array,
    setup: Array,
    firing: Firing,
    lists: EventLists,
    dense: Array,
    counts: Array,
    sums: Array,
    steady_sums: Array,
    reach: Array,
) -> int:
    """Run a population for a block of samples on events.

    Parameters
    ----------
    by_first, by_second, both
        What comes in by each way, and whether there is a second one.
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
    sums, steady_sums, reach
        What ``gather`` needs for one place at least, with all the steps and with one.

    Returns
    -------
    doubtful
        How many neurons were run again.
    """
    to = by_first.way.to
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    lanes, each = blocks * width, blocks * steps * width
    many = max(len(sums) // each, 1)
    wide = firing.channels
    length = -(-to.columns * wide // CHUNK) * CHUNK
    events = np.zeros(steps * length, np.int8)
    bounds = np.zeros(steps, np.int32)
    exact, steady_exact = np.empty(steps), np.empty(1)
    no_row = np.zeros(0, np.int8)
    steady_reach = np.zeros(many, np.int32)
    n_min, n_max = int(firing.n_min), int(firing.n_max)
    sent_first = room_for(by_first, steps)
    sent_second = room_for(by_second, steps)
    found, doubtful = 0, 0
    for b in range(counts.shape[1]):
        began, look = found, 1
        if by_first.numbers.size:
            unpack(by_first.numbers, b, by_first.quads, sent_first)
        if by_second.numbers.size:
            unpack(by_second.numbers, b, by_second.quads, sent_second)
        for y in range(to.rows):
            events[:] = 0
            groups, silent = 0, 0
            for first in range(0, to.columns, many):
                last = min(first + many, to.columns)
                sums[: (last - first) * each] = 0
                reach[: (last - first) * steps] = 0
                steady_sums[: (last - first) * lanes] = 0
                steady_reach[:] = 0
                collect(by_first, sent_first, b, steps, y, first, last, sums, reach, steady_sums, steady_reach)
                if both:
                    collect(by_second, sent_second, b, steps, y, first, last, sums, reach, steady_sums, steady_reach)
                for x in range(first, last):
                    at = y * to.columns + x
                    of = at if len(setup) > 1 else 0
                    reached, always = 0, steady_reach[x - first] + 1
                    for t in range(steps):
                        reached += reach[(x - first) * steps + t]
                        bounds[t] = min((reached + (t + 1) * always) // 2 + 3, _WIDEST)
                    for lane in range(0, lanes, LANES):
                        block = lane // width
                        place = (x - first) * each + block * steps * width + lane % width
                        target = x * wide + lane
                        doubt = _ALL
                        groups += 1
                        if bounds[steps - 1] < _WIDEST:
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
                                steady_sums,
                                (x - first) * lanes + lane,
                                look,
                            )
                            silent += doubt == 0
                            doubt &= _ALL
                        while doubt:
                            bit = lowest_bit(doubt)
                            doubt &= doubt - np.uint64(1)
                            o = lane + bit
                            if o >= to.outputs:
                                continue
                            exact[:] = 0
                            steady_exact[0] = constant[at if len(constant) > 1 else 0, o]
                            collect_exactly(by_first, sent_first, b, steps, o, y, x, exact, steady_exact)
                            if both:
                                collect_exactly(by_second, sent_second, b, steps, o, y, x, exact, steady_exact)
                            fire_exactly(
                                exact,
                                steady_exact[0],
                                steps,
                                firing.voltage[at if len(firing.voltage) > 1 else 0, o],
                                firing.n_min,
                                firing.n_max,
                                events,
                                x * wide + o,
                                length,
                            )
                            doubtful += 1
            look = int(silent * _WORTH_A_LOOK >= groups)
            found = _list_row(events, steps, length, y, to, wide, lists, b, found, no_row, dense)
        lists.starts[b, to.rows * steps * to.columns] = found
        counts[0, b] = found - began
        counts[1, b] = passed_by(lists, b, steps, to.rows, to.columns, wide, firing.synapses)
    return doubtful


@numba.njit(nogil=True, cache=True)
def run_constant(
    source: EventLists,
    steps: int,
    to: RowMap,
    setup: Array,
    firing: Firing,
    lists: EventLists,
    steady: EventLists,
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
    lists, steady
        Its events, as `Source` has them; written.
    """
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    lanes = blocks * width
    many = max(len(sums) // lanes, 1)
    wide = firing.channels
    length = -(-to.columns * wide // CHUNK) * CHUNK
    events, steady_row = np.zeros(steps * length, np.int8), np.zeros(length, np.int8)
    no_numbers = np.zeros((0, 0, 0), np.int8)
    sent = np.zeros(lanes, np.int32)
    exact = np.empty(1)
    found, steady_found, doubtful = 0, 0, 0
    blank, blank_steady = np.zeros(steps * lanes, np.int8), np.zeros(lanes, np.int8)
    blank_sent, known = np.zeros(lanes, np.int32), False
    for b in range(counts.shape[1]):
        spikes, operations = 0.0, 0.0
        for y in range(to.rows):
            events[:] = 0
            steady_row[:] = 0
            for first in range(0, to.columns, many):
                last = min(first + many, to.columns)
                sums[: (last - first) * lanes] = 0
                reach[: last - first] = 0
                gather(source, b, 1, to, y, first, last, sums, reach)
                for x in range(first, last):
                    at = y * to.columns + x
                    of = at if len(setup) > 1 else 0
                    synapses, here = at if len(firing.synapses) > 1 else 0, x * wide
                    nothing = len(setup) == 1 and reach[x - first] == 0  # all such places do the same
                    if nothing and known:
                        for lane in range(0, lanes, LANES):
                            copy_lanes(blank, lane, lanes, events, here + lane, length, steps)
                            copy_lanes(blank_steady, lane, 0, steady_row, here + lane, 0, 1)
                        more, passed = _count(blank_sent, firing.synapses, synapses, to.outputs)
                        spikes += more
                        operations += passed
                        continue
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
                            here + lane,
                            length,
                            sent,
                            lane,
                            steady_row,
                        )
                        while doubt:
                            bit = lowest_bit(doubt)
                            doubt &= doubt - np.uint64(1)
                            o = lane + bit
                            if o >= to.outputs:
                                continue
                            exact[0] = sums[place + bit]
                            steady_row[here + o] = 0
                            sent[o] = fire_exactly(
                                exact,
                                setup[of, 1, o],
                                steps,
                                setup[of, 0, o],
                                firing.n_min,
                                firing.n_max,
                                events,
                                here + o,
                                length,
                            )
                            doubtful += 1
                    more, passed = _count(sent, firing.synapses, synapses, to.outputs)
                    spikes += more
                    operations += passed
                    if nothing:
                        for lane in range(0, lanes, LANES):
                            copy_lanes(events, here + lane, length, blank, lane, lanes, steps)
                            copy_lanes(steady_row, here + lane, 0, blank_steady, lane, 0, 1)
                        blank_sent[:] = sent
                        known = True
            found = _list_row(events, steps, length, y, to, wide, lists, b, found, steady_row, dense)
            steady_found = _list_row(
                steady_row, 1, length, y, to, wide, steady, b, steady_found, steady_row, no_numbers
            )
        lists.starts[b, to.rows * steps * to.columns] = found
        steady.starts[b, to.rows * to.columns] = steady_found
        counts[0, b] = spikes
        counts[1, b] = operations
    return doubtful


@numba.njit(nogil=True, cache=True)
def _count(sent: Array, synapses: Array, place: int, outputs: int) -> tuple[int, float]:
    """Return the events of a place, and the synapses that they pass."""
    spikes = sum_lanes(sent, len(sent))
    if synapses.shape[1] == 1:
        return spikes, spikes * synapses[place, 0]
    operations = 0.0
    for o in range(outputs):
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
    steady: Array,
    dense: Array,
) -> int:
    """Append the events of a row in all steps to the lists, and copy them to where they are for each neuron.

    Parameters
    ----------
    steady
        What each neuron sends in every step besides, or nothing at all.
    """
    for t in range(steps):
        place = (row * steps + t) * to.columns
        found = append_row(events, t, length, row * to.columns * channels, channels, lists, sample, place, found)
        if dense.size and channels == to.outputs:  # the row as a whole
            neuron, count = row * to.columns * channels, to.columns * channels
            numbers = dense[t, sample, neuron : neuron + count]
            numbers[:] = events[t * length : t * length + count]
            if steady.size:
                numbers += steady[:count]
        elif dense.size:
            for x in range(to.columns):
                neuron = (row * to.columns + x) * to.outputs
                begin = t * length + x * channels
                numbers = dense[t, sample, neuron : neuron + to.outputs]
                numbers[:] = events[begin : begin + to.outputs]
                if steady.size:
                    numbers += steady[x * channels : x * channels + to.outputs]
    return found
