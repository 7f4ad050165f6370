"""Fire: what a population sends, for a batch and all steps at once; and its mean."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from ..ops import Array, Neurons, Shape
from .population_state import PopulationState
from .signal import Signal

__all__ = ["event_counts", "fire", "mean_output"]

_WORTH_THREADS = 2**18  # neuron steps below which a second thread costs more than it saves


def fire(
    op: Neurons,
    shape: Shape,
    current: Signal,
    n_steps: int,
    keys: Array | None = None,
    state: PopulationState | None = None,
    *,
    threads: int | None = None,
) -> Array:
    """Return the events of a population.

    Parameters
    ----------
    shape
        Of the population, for one sample.
    current
        ``(steps | 1, samples, *shape)``, in activation units.
    keys
        Of the samples, for neurons that draw random numbers: ``(samples,)`` uint64; by default 0, 1, 2 …
    state
        Where the neurons go on from, and what they remember afterwards; by default they begin.
    threads
        By default as many as there are processors, where it is worth it.

    Returns
    -------
    events
        ``(steps, samples, *shape)`` int8.
    """
    from .kernels import integrate, integrate_variant

    count = current.values.shape[1]
    flat = np.ascontiguousarray(current.values.reshape(len(current.values), count, -1))
    if flat.dtype not in (np.float32, np.float64):
        flat = flat.astype(np.float64)
    events = np.empty((n_steps, count, flat.shape[-1]), np.int8)
    each = op.threshold_of(shape), op.voltage_of(shape), op.correction_of(shape)
    if keys is None:
        keys = np.arange(count, dtype=np.uint64)
    values, extremes, silent = (None,) * 3 if state is None else (state.values, state.extremes, state.silent)
    first = 0 if state is None else state.steps

    def part(start: int, stop: int) -> None:
        samples = int(start), int(stop)
        if op.plain:
            rule = op.n_min, op.n_max
            integrate(flat, current.constant, n_steps, *each, *rule, events, values, extremes, silent, samples)
        else:
            integrate_variant(flat, current.constant, n_steps, *each, op.dynamics, keys, events, values, first, samples)

    threads = min(_threads() if threads is None else threads, count)
    if threads > 1 and events.size >= _WORTH_THREADS:
        cuts = np.linspace(0, count, threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, cuts[:-1], cuts[1:]))
    else:
        part(0, count)
    if state is not None:
        state.steps += n_steps
    return events.reshape(n_steps, count, *shape)


def mean_output(op: Neurons, shape: Shape, current: Signal, n_steps: int, keys: Array | None = None) -> Array:
    """Return the mean output over the steps: ``(samples, *shape)`` float64, in activation units. As for `fire`."""
    sent = fire(op, shape, current, n_steps, keys).sum(axis=0, dtype=np.int32)
    return np.asarray(sent * (op.threshold_of(shape).reshape(shape) / n_steps))


def event_counts(events: Array) -> dict[int, int]:
    """Return how often each value occurs among events of any shape, int8: value → how often, in order."""
    from .kernels import count_values

    counts = np.zeros((4, 256), np.int64)
    count_values(np.ascontiguousarray(events).reshape(-1), counts)
    return {int(place) - 128: int(count) for place, count in enumerate(counts.sum(axis=0)) if count}


@cache
def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
