"""Corrections: what takes back the error that thresholds leave, in currents or in initial voltages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..dynamics import Signal, mean_output
from ..ops import Array, Neurons
from .fit import Trial, trial_errors

__all__ = ["calibrate_bias", "calibrate_potential"]

_ROUNDS = 3
_PRIOR = 8.0  # values' worth of belief that a channel or a neuron has no error of its own
_HELPS = 0.99  # of the error before: less help than this is left alone
_FURTHEST = 2.0  # thresholds that an initial voltage may be moved


def calibrate_bias(op: Neurons, trial: Trial) -> Neurons:
    """Return the neurons with a current for each channel that takes back its mean error.

    Li et al. 2021, "A free lunch from ANN": ``b ← b + mean(ANN) - mean(SNN)``, a few rounds, kept where it lowers the
    squared error. The means are drawn towards zero where they are over few places. The current flows at every step, so
    what it adds does not vanish as the steps grow.
    """
    places, channels = trial.target.shape
    error, missing = trial_errors(op, trial)
    best = np.zeros(channels)
    tried = np.zeros(channels)
    for _ in range(_ROUNDS):
        tried = tried + missing * (places / (places + _PRIOR))
        candidate = replace(op, correction=tried.astype(np.float32))
        found, missing = trial_errors(candidate, trial)
        better = found < _HELPS * error
        best, error = np.where(better, tried, best), np.where(better, found, error)
    return replace(op, correction=best.astype(np.float32)) if best.any() else op


def calibrate_potential(op: Neurons, current: Signal, target: Array, n_steps: int) -> Neurons:
    """Return the neurons with an initial voltage for each that takes back its own mean error.

    Li et al. 2021: ``v0 ← v0 + T · (mean(ANN) - mean(SNN))``. The mean is taken over half of the samples and drawn
    towards zero where they are few; it is kept if the error on the other half falls.

    Parameters
    ----------
    current
        ``(steps | 1, samples, *shape)``.
    target
        ``(samples, *shape)``.
    """
    shape = target.shape[1:]
    half = len(target) // 2
    if half < 2:
        return op
    theta = op.threshold_of(shape).reshape(shape)
    missing = target - _mean_output(op, current, n_steps, 0)
    moved = missing[:half].mean(axis=0) * (half / (half + _PRIOR)) * n_steps / theta
    voltage = np.broadcast_to(op.initial_voltage, shape) + np.clip(moved, -_FURTHEST, _FURTHEST)
    candidate = replace(op, initial_voltage=voltage.astype(np.float32))
    rest = Signal(current.values[:, half:], current.constant)
    after = target[half:] - _mean_output(candidate, rest, n_steps, half)
    helps = np.mean(after**2) < _HELPS * np.mean(missing[half:] ** 2)
    return candidate if helps else op


def _mean_output(op: Neurons, current: Signal, n_steps: int, first: int) -> Array:
    """Return the mean output over the steps, ``(samples, *shape)``; the first sample has this place among all."""
    keys = np.arange(first, first + current.values.shape[1], dtype=np.uint64)  # no two samples share random numbers
    return mean_output(op, current.values.shape[2:], current, n_steps, keys)
