"""The host's neurons, compiled: from constant currents to spikes."""

from __future__ import annotations

import numba

from ....converter.ops import Array

__all__ = ["encode"]

_DT = 0.001  # nengo-loihi's: currents come as rates and are multiplied by it, which rounds


@numba.njit(nogil=True, cache=True)
def encode(currents: Array, sign: float, flags: Array, start: int) -> None:
    """Write the spikes of neurons that integrate and fire, with half a threshold to begin with.

    Parameters
    ----------
    currents
        ``(samples, neurons)`` float64, in thresholds a step.
    sign
        What the currents are multiplied by.
    flags
        ``(samples, steps, inputs)`` uint8: the spikes of a step are written into the next one.
    start
        The place of the first neuron.
    """
    samples, n = currents.shape
    steps = flags.shape[1]
    for k in range(samples):
        for i in range(n):
            current = sign * (currents[k, i] / _DT) * _DT
            voltage = 0.5
            if current <= 0.0:
                continue
            for step in range(steps - 1):
                voltage += current
                if voltage >= 1.0:
                    voltage -= 1.0
                    flags[k, step + 1, start + i] = 1
