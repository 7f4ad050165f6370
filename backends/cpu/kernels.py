"""Compiled loops over neurons and steps."""

from __future__ import annotations

import numba
import numpy as np

from ...converter.ops import TIE, Array

__all__ = ["integrate"]


@numba.njit(cache=True, nogil=True, parallel=False)
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
) -> None:
    """Integrate currents and write the events: `Neurons.step` for a whole batch over all steps.

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
    """
    batch, neurons = current.shape[1], current.shape[2]
    voltage = np.empty(neurons)
    total = np.empty(neurons)
    for b in range(batch):
        voltage[:] = v0
        total[:] = 0.0
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
                voltage[i] = v - n
                total[i] += n
                events[t, b, i] = np.int8(n)
