"""Counting events and the synapses that they pass."""

from __future__ import annotations

import numba
import numpy as np

from ....converter.ops import Array
from .event_lists import EventLists

__all__ = ["counted", "passed_by"]


def counted(sent: Array, synapses: Array, each_step: bool) -> tuple[Array, Array]:
    """Return the events and the synapses that they pass: ``(steps, samples)``, or ``(1, samples)`` for all steps.

    Parameters
    ----------
    sent
        ``(steps, samples, *shape)`` int8.
    synapses
        Of each neuron: ``(*shape)`` float64.
    """
    steps, samples = sent.shape[:2]
    events = np.zeros((steps if each_step else 1, samples))
    operations = np.zeros_like(events)
    flat = np.ascontiguousarray(sent.reshape(steps, samples, -1))
    _count(flat, np.ascontiguousarray(synapses.reshape(-1)), events, operations)
    return events.astype(np.int64), operations


@numba.njit(nogil=True, cache=True, fastmath={"reassoc"})  # sums of whole numbers, mostly
def _count(sent: Array, synapses: Array, events: Array, operations: Array) -> None:
    steps, samples, neurons = sent.shape
    for b in range(samples):
        for t in range(steps):
            row = sent[t, b]
            found, passed = 0, 0.0
            for i in range(neurons):
                some = row[i] != 0
                found += some
                passed += synapses[i] * some
            events[t if len(events) > 1 else 0, b] += found
            operations[t if len(events) > 1 else 0, b] += passed


@numba.njit(nogil=True, cache=True)
def passed_by(
    lists: EventLists, sample: int, steps: int, rows: int, columns: int, channels: int, synapses: Array
) -> float:
    """Return the synapses that the events of a sample pass.

    Parameters
    ----------
    channels
        How many the codes count.
    synapses
        ``(places | 1, channels | 1)``.
    """
    starts = lists.starts[sample]
    if synapses.size == 1:
        return float((starts[rows * steps * columns] - starts[0]) * synapses[0, 0])
    total = 0.0
    for y in range(rows):
        for t in range(steps):
            for x in range(columns):
                line, place = (y * steps + t) * columns + x, (y * columns + x) if len(synapses) > 1 else 0
                if synapses.shape[1] == 1:
                    total += (starts[line + 1] - starts[line]) * synapses[place, 0]
                else:
                    for e in range(starts[line], starts[line + 1]):
                        total += synapses[place, lists.codes[e] % channels]
    return total
