"""A population in one pass: its currents are gathered, it fires, and its events are listed, row by row of its map."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ....converter.ops import Array
from ...llvm import LANES
from .add_products import add_spread
from .depthwise import Depthwise, gather_own
from .event_lists import CHUNK, EventLists, append_row
from .fire_lanes import fire_lanes
from .gather import gather, gather_values
from .row_map import RowMap

__all__ = ["Firing", "run_population"]


class Firing(NamedTuple):
    """How a population fires.

    Attributes
    ----------
    voltage
        ``(places | 1, lanes)``: v0 in thresholds.
    per_threshold
        ``(places | 1, lanes)``: 1/θ.
    synapses
        ``(places | 1, lanes | 1)``: how many synapses an event passes.
    channels
        How many channels the codes of its events count.
    """

    voltage: Array
    per_threshold: Array
    synapses: Array
    n_min: float
    n_max: float
    channels: int


@numba.njit(nogil=True, cache=True)
def run_population(
    source: EventLists,
    values: Array,
    numbers: Array,
    before: Depthwise,
    source_steps: int,
    steps: int,
    to: RowMap,
    base: Array | None,
    firing: Firing,
    lists: EventLists,
    dense: Array | None,
    counts: Array,
    state: Array | None,
    sums: Array,
    reach: Array,
) -> None:
    """Run a population for a block of samples.

    Parameters
    ----------
    source
        The events that it receives. Its steps are 1 where they are values that never change, else ``steps``.
    values
        What it receives instead, as `gather_values` takes it, where it has any size.
    numbers, before
        What it receives instead through a depthwise convolution, as `gather_own` takes it, where they have any size.
        Where the map has no taps, the values of the convolution are in thresholds and go to the neurons as they are.
    to
        The map from them, in thresholds, with the neuron's own constant current.
    base
        What it receives besides, ``(steps | 1, samples, neurons)`` in activation units.
    lists
        Its events; written.
    dense
        The same as ``(steps, samples, neurons)`` int8; written.
    counts
        ``(2, samples)``: its events, and the synapses that they pass; written.
    state
        `PopulationState.values`; changed. Where it is None, the neurons begin.
    sums, reach
        What ``gather`` needs for one place at least.
    """
    blocks, width = to.weights.shape[0], to.weights.shape[2]
    lanes, each = blocks * width, blocks * source_steps * width
    many = max(len(sums) // each, 1)
    wide = firing.channels
    length = -(-to.columns * wide // CHUNK) * CHUNK
    events = np.zeros(steps * length, np.int8)
    memory = np.zeros((3, lanes))
    received = np.empty(steps * width if base is not None else 0)
    constants, scales = to.constant.reshape(-1), np.ones(to.constant.size)
    direct = base is not None and len(to.taps) == 0 and to.outputs % LANES == 0  # values only, as they are
    if direct:
        for place in range(len(to.constant)):
            row = firing.per_threshold[place if len(firing.per_threshold) > 1 else 0]
            scales[place * lanes : (place + 1) * lanes] = row[:lanes]
    value_at, weight_at = np.empty(len(before.weights), np.int64), np.empty(len(before.weights), np.int64)
    padded = before.weights.shape[1]
    mixed = np.empty((min(many, to.columns) if numbers.size and len(to.taps) else 0, 1, source_steps, padded))
    whole = sums[: many * each].reshape(many, blocks, source_steps, width)
    samples = counts.shape[1]
    found = 0
    for b in range(samples):
        spikes, operations = 0.0, 0.0
        for y in range(to.rows):
            for first in range(0, to.columns, many):
                last = min(first + many, to.columns)
                sums[: (last - first) * each] = 0
                if numbers.size and len(to.taps) == 0:
                    gather_own(numbers, samples, steps, b, before, y, first, last, blocks, whole, value_at, weight_at)
                elif numbers.size:
                    for x in range(last - first):
                        for t in range(steps):
                            mixed[x, 0, t] = before.bias
                    gather_own(numbers, samples, steps, b, before, y, first, last, 1, mixed, value_at, weight_at)
                    for x in range(first, last):
                        for block in range(blocks):
                            place = (x - first) * each + block * steps * width
                            value, weight = (x - first) * steps * padded, block * to.weights.shape[1] * width
                            add_spread(
                                sums,
                                place,
                                width,
                                steps,
                                mixed.reshape(-1),
                                value,
                                padded,
                                to.weights,
                                weight,
                                before.channels,
                            )
                elif values.size:
                    gather_values(values, b, to, y, first, last, sums)
                else:
                    gather(source, b, source_steps, to, y, first, last, sums, reach)
                for x in range(first, last):
                    at = y * to.columns + x
                    neuron = at * to.outputs
                    start = at if len(firing.voltage) > 1 else 0
                    for o in range(lanes):
                        memory[1, o] = 0.0
                        memory[2, o] = 0.0
                        memory[0, o] = firing.voltage[start, o]
                    if state is not None:
                        for o in range(to.outputs):
                            memory[0, o] = state[b, 0, neuron + o]
                            memory[1, o] = state[b, 1, neuron + o]
                    scale = at if len(firing.per_threshold) > 1 else 0
                    constant = at * lanes if len(to.constant) > 1 else 0
                    for block in range(blocks):
                        place = (x - first) * each + block * source_steps * width
                        stride = width if source_steps > 1 or steps == 1 else 0
                        currents = sums
                        if base is not None and direct:
                            currents = base.reshape(-1)
                            place = b * base.shape[2] + neuron + block * width
                            stride = base.shape[1] * base.shape[2] if len(base) > 1 else 0
                        elif base is not None:
                            filled = min(width, to.outputs - block * width)
                            for t in range(steps):
                                more = base[t if len(base) > 1 else 0, b]
                                for i in range(filled):
                                    o = block * width + i
                                    further = more[neuron + o] * firing.per_threshold[scale, o]
                                    received[t * width + i] = sums[place + t * stride + i] + further
                                received[t * width + filled : (t + 1) * width] = 0
                            currents, place, stride = received, 0, width
                        for lane in range(0, width, LANES):
                            o = block * width + lane
                            fire_lanes(
                                currents,
                                place + lane,
                                stride,
                                steps,
                                scales,
                                constants,
                                constant + o,
                                memory,
                                o,
                                firing.n_min,
                                firing.n_max,
                                events,
                                x * wide + o,
                                length,
                            )
                    if state is not None:
                        for o in range(to.outputs):
                            state[b, 0, neuron + o] = memory[0, o]
                            state[b, 1, neuron + o] = memory[1, o]
                    synapses, sent = at if len(firing.synapses) > 1 else 0, 0
                    for o in range(to.outputs):
                        sent += int(memory[2, o])
                    spikes += sent
                    if firing.synapses.shape[1] == 1:
                        operations += sent * firing.synapses[synapses, 0]
                    elif sent:
                        for o in range(to.outputs):
                            operations += memory[2, o] * firing.synapses[synapses, o]
            for t in range(steps):
                place = (y * steps + t) * to.columns
                found = append_row(events, t, length, y * to.columns * wide, wide, lists, b, place, found)
                if dense is not None:
                    for x in range(to.columns):
                        neuron = (y * to.columns + x) * to.outputs
                        begin = t * length + x * wide
                        dense[t, b, neuron : neuron + to.outputs] = events[begin : begin + to.outputs]
        lists.starts[b, to.rows * steps * to.columns] = found
        counts[0, b] = spikes
        counts[1, b] = operations
