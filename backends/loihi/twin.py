"""The chip's and the host's neurons in floating point: what the scale rule learns from, and what tests compare with."""

from __future__ import annotations

import numpy as np

from ...converter.ops import Array

__all__ = ["MIN_VOLTAGE", "chip_spikes", "host_spikes"]

MIN_VOLTAGE = -8.0
"""How far below zero a membrane of the chip goes, in thresholds: inhibition is remembered, as a sum of currents is."""


def host_spikes(current: Array, n_steps: int) -> Array:
    """Return the spikes of host neurons: signed membrane, half a threshold at the start, one spike a step at most.

    Parameters
    ----------
    current
        ``(…)`` in thresholds a step, the same in every step.

    Returns
    -------
    spikes
        ``(steps, …)`` bool.
    """
    voltage = np.full(current.shape, 0.5)
    spikes = np.empty((n_steps, *current.shape), bool)
    for sent in spikes:
        voltage += current
        np.greater_equal(voltage, 1, out=sent)
        voltage -= sent
    return spikes


def chip_spikes(current: Array, voltage: Array | float = 0.0) -> Array:
    """Return the spikes of the chip's neurons: one beyond the threshold, then the voltage is zero.

    Parameters
    ----------
    current
        ``(steps, …)`` in thresholds a step.
    voltage
        At the start, in thresholds.

    Returns
    -------
    spikes
        ``(steps, …)`` bool.
    """
    membrane = np.zeros(current.shape[1:], current.dtype) + np.asarray(voltage, current.dtype)
    spikes = np.empty(current.shape, bool)
    for received, sent in zip(current, spikes):
        membrane += received
        np.maximum(membrane, MIN_VOLTAGE, out=membrane)
        np.greater(membrane, 1, out=sent)
        membrane[sent] = 0
    return spikes
