"""Compiled loops over neurons and steps."""

from __future__ import annotations

import numba
import numpy as np

from ..ops import TIE, Array, Dynamics
from ..ops.neuron_state import NO_NOISE, POISSON_EVENTS
from ..ops.random_numbers import FRACTION, SHIFT, child

__all__ = ["count_values", "integrate", "integrate_variant"]

_child = numba.njit(child, cache=True)
# error_model: Python's model checks each division for a zero, and with that check the loops have no vector instructions
_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def integrate(
    current: Array,
    constant: bool,
    steps: int,
    threshold: Array,
    v0: Array,
    correction: Array,
    n_min: int,
    n_max: int,
    events: Array,
    state: Array | None = None,
    extremes: Array | None = None,
    silent: Array | None = None,
    samples: tuple[int, int] | None = None,
) -> None:
    """Integrate currents and write the events: `Neurons.step` for a whole batch over all steps, for plain neurons.

    What is None is left out when the loops are compiled, so that it costs nothing.

    Parameters
    ----------
    current
        z in activation units: ``(steps, batch, neurons)`` float64, or ``(1, batch, neurons)`` if ``constant``.
    threshold
        θ of each neuron: ``(neurons,)`` float64.
    v0
        The initial voltage of each neuron, in thresholds: ``(neurons,)`` float64.
    correction
        The current that each neuron receives besides, in activation units: ``(neurons,)`` float64.
    events
        ``(steps, batch, neurons)`` int8; written.
    state
        What the neurons remember, `PopulationState.values`; changed in place. Where it is None, they start from v0.
    extremes
        The lowest voltage after a step with an event, and the highest after a step that could have had one event more:
        ``(batch, 2, neurons)`` float64; lowered and raised.
    silent
        Which neurons send nothing whatever they receive: ``(batch, neurons)`` bool.
    samples
        The first sample of the batch to look at, and the one to stop before; None is all. A part of the arrays in
        place of it would not be contiguous, and the loops would have no vector instructions.
    """
    neurons = current.shape[2]
    begin, end = (0, current.shape[1]) if samples is None else samples
    voltage = np.empty(neurons)
    total = np.empty(neurons)
    for b in range(begin, end):
        if state is None:
            voltage[:] = v0
            total[:] = 0.0
        else:
            voltage[:] = state[b, 0]
            total[:] = state[b, 1]
        for t in range(steps):
            row = current[0 if constant else t, b]
            for i in range(neurons):
                v = voltage[i] + (row[i] + correction[i]) / threshold[i]
                n = np.floor(v + TIE)
                if n < n_min:
                    n = float(n_min)
                elif n > n_max:
                    n = float(n_max)
                if n < -total[i]:
                    n = -total[i]
                if silent is not None and silent[b, i]:
                    n = 0.0
                voltage[i] = v - n
                total[i] += n
                events[t, b, i] = np.int8(n)
                if extremes is not None:
                    if n > 0:
                        extremes[b, 0, i] = min(extremes[b, 0, i], v - n)
                    if n < n_max:
                        extremes[b, 1, i] = max(extremes[b, 1, i], v - n)
        if state is not None:
            state[b, 0] = voltage
            state[b, 1] = total


@_compiled
def integrate_variant(
    current: Array,
    constant: bool,
    steps: int,
    threshold: Array,
    v0: Array,
    correction: Array,
    rule: Dynamics,
    keys: Array,
    events: Array,
    state: Array | None = None,
    first: int = 0,
    samples: tuple[int, int] | None = None,
) -> None:
    """Integrate currents and write the events, as `integrate`, for neurons of any kind.

    Parameters
    ----------
    rule
        What `Neurons.dynamics` returns.
    keys
        Of the samples: ``(batch,)`` uint64.
    state
        What the neurons remember, `PopulationState.values`; changed in place. Where it is None, they start from v0.
    first
        How many steps were done before these.
    samples
        As for `integrate`.
    """
    neurons = current.shape[2]
    begin, end = (0, current.shape[1]) if samples is None else samples
    voltage, total = np.empty(neurons), np.empty(neurons)
    refractory, adaptation = np.empty(neurons), np.empty(neurons)
    for b in range(begin, end):
        if state is None:
            voltage[:] = v0
            total[:] = 0.0
            refractory[:] = 0.0
            adaptation[:] = 0.0
        else:
            voltage[:] = state[b, 0]
            total[:] = state[b, 1]
            refractory[:] = state[b, 2]
            adaptation[:] = state[b, 3]
        for t in range(steps):
            row = current[0 if constant else t, b]
            key = np.uint64(_child(keys[b], np.uint64(first + t)))  # uncompiled, a Python number comes back
            for i in range(neurons):
                awake = refractory[i] <= 0
                v = voltage[i]
                if awake:
                    received = (row[i] + correction[i]) / threshold[i] - rule.adapting * adaptation[i]
                    v = v * rule.decay + received
                v = max(v, rule.v_min)
                n = 0.0
                if awake:
                    n = _events(v, rule, key, i)
                    if n < rule.n_min:
                        n = float(rule.n_min)
                    elif n > rule.n_max:
                        n = float(rule.n_max)
                    if n < -total[i]:
                        n = -total[i]
                if n != 0 and rule.to_zero:
                    v = 0.0
                else:
                    v -= n
                voltage[i] = v
                total[i] += n
                refractory[i] = rule.refractory if n > 0 else max(refractory[i] - 1, 0.0)
                adaptation[i] += rule.gain * n - rule.loss * adaptation[i]
                events[t, b, i] = np.int8(n)
        if state is not None:
            state[b, 0] = voltage
            state[b, 1] = total
            state[b, 2] = refractory
            state[b, 3] = adaptation


@_compiled
def _events(v: float, rule: Dynamics, key: np.uint64, neuron: int) -> float:
    """Return the events of a membrane, before they are cut to what the neuron may send."""
    if rule.noise == NO_NOISE:
        return np.floor(v + TIE)  # type: ignore[no-any-return]
    drawn = (_child(key, np.uint64(neuron)) >> SHIFT) * FRACTION
    if rule.noise != POISSON_EVENTS:
        return np.floor(v + drawn + TIE)  # type: ignore[no-any-return]
    rate = max(v, 0.0)
    probability = np.exp(-rate)
    below, n = probability, 0.0
    for k in range(1, rule.n_max + 1):
        if drawn < below:
            break
        n += 1.0
        probability = probability * rate / k
        below += probability
    return n


@_compiled
def count_values(events: Array, counts: Array) -> None:
    """Count how often each value occurs.

    Parameters
    ----------
    events
        Flat int8.
    counts
        ``(4, 256)`` int64: those of value n go to place n + 128, of neighbours to different rows; added to.
    """
    whole = len(events) - len(events) % 4
    for i in range(0, whole, 4):  # a counter that was just written would have to be waited for
        for k in range(4):
            counts[k, np.int64(events[i + k]) + 128] += 1
    for i in range(whole, len(events)):
        counts[0, np.int64(events[i]) + 128] += 1
