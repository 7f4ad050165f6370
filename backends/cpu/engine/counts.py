"""Counting events and the synapses that they pass."""

from __future__ import annotations

import numba
import numpy as np

from ....converter.ops import Array

__all__ = ["counted"]


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


@numba.njit(nogil=True, cache=True)
def _count(sent: Array, synapses: Array, events: Array, operations: Array) -> None:
    steps, samples, neurons = sent.shape
    for b in range(samples):
        for t in range(steps):
            row = sent[t, b]
            found, passed = 0, 0.0
            for i in range(neurons):
                if row[i] != 0:
                    found += 1
                    passed += synapses[i]
            events[t if len(events) > 1 else 0, b] += found
            operations[t if len(events) > 1 else 0, b] += passed
