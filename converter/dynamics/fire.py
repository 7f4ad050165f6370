"""Fire: what a population sends, for a batch and all steps at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from ..ops import Array, Neurons, Shape
from .population_state import PopulationState
from .signal import Signal

__all__ = ["fire"]

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
    from .kernels import integrate, integrate_from_start, integrate_variant
    from .llvm import LANES

    count = current.values.shape[1]
    flat = np.ascontiguousarray(current.values.reshape(len(current.values), count, -1))
    if flat.dtype not in (np.float32, np.float64):
        flat = flat.astype(np.float64)
    events = np.empty((n_steps, count, flat.shape[-1]), np.int8)
    each = op.threshold_of(shape), op.voltage_of(shape), op.correction_of(shape)
    if keys is None:
        keys = np.arange(count, dtype=np.uint64)

    def part(start: int, stop: int) -> None:
        z, sent = flat[:, start:stop], events[:, start:stop]
        values = None if state is None else state.values[start:stop]
        if op.plain and state is None and flat.shape[-1] >= LANES:
            limits = op.n_min, op.n_max
            integrate_from_start(flat, current.constant, n_steps, *each, *limits, events, start, stop)
        elif op.plain:
            more = (
                (None, None)
                if state is None
                else (_part(state.extremes, start, stop), _part(state.silent, start, stop))
            )
            integrate(z, current.constant, n_steps, *each, op.n_min, op.n_max, sent, values, *more)
        else:
            first = 0 if state is None else state.steps
            rule = op.dynamics
            integrate_variant(z, current.constant, n_steps, *each, rule, keys[start:stop], sent, values, first)

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


def _part(array: Array | None, start: int, stop: int) -> Array | None:
    return None if array is None else array[start:stop]


@cache
def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
