"""Corrections: a bias or a voltage is kept where it takes back an error, and left alone where it only fits noise."""

from __future__ import annotations

import numpy as np
import pytest

from calibration_cases import constant_trial, neurons, spiky_trial
from spikeport.converter.dynamics import Signal
from spikeport.converter.spiking.corrections import calibrate_bias, calibrate_potential
from spikeport.converter.spiking.fit import trial_errors

LOSSY = {
    "hard reset": {"reset": "zero"},
    "lif": {"reset": "zero", "v_min": 0.0, "tau_rc": 0.02, "tau_ref": 0.002, "threshold": 1.5},
    "leak": {"tau_rc": 0.02},
}
N_STEPS = 16


def means(places: int = 600, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.05, 0.6, (places, 3))


@pytest.mark.parametrize("kind", LOSSY.values(), ids=LOSSY)
def test_bias_takes_back_the_mean_error_of_neurons_that_lose_current(kind):
    trial = constant_trial(means(), N_STEPS)
    op = neurons(3, **kind)
    before, missing = trial_errors(op, trial)
    after, left = trial_errors(calibrate_bias(op, trial), trial)
    assert np.all(after < before)
    assert np.all(np.abs(left) < 0.35 * np.abs(missing))


def test_bias_helps_on_samples_that_it_was_not_taken_from():
    op = neurons(3, reset="zero")
    corrected = calibrate_bias(op, constant_trial(means(), N_STEPS))
    other = constant_trial(means(seed=1), N_STEPS)
    assert np.all(trial_errors(corrected, other)[0] < trial_errors(op, other)[0])


def test_bias_leaves_neurons_alone_that_are_right():
    op = neurons(3)
    assert calibrate_bias(op, constant_trial(means(), N_STEPS)) is op


@pytest.mark.parametrize("places", [1, 2, 5])
def test_few_places_move_a_bias_little(places):
    op = neurons(3, reset="zero")
    few = calibrate_bias(op, constant_trial(np.repeat(means(1), places, axis=0), N_STEPS))
    many = calibrate_bias(op, constant_trial(np.repeat(means(1), 500, axis=0), N_STEPS))
    assert np.all(np.abs(few.correction) <= np.abs(many.correction) + 1e-6)


def test_no_bias_makes_a_trial_worse():
    trial = spiky_trial(N_STEPS)
    for kind in ({}, *LOSSY.values()):
        op = neurons(3, **kind)
        assert np.all(trial_errors(calibrate_bias(op, trial), trial)[0] <= trial_errors(op, trial)[0])


def systematic(samples: int, seed: int = 0, own: float = 0.1) -> tuple[Signal, np.ndarray]:
    """Currents of 4 × 5 × 2 neurons, each of which is off by an error of its own for all the samples."""
    rng = np.random.default_rng(seed)
    target = rng.uniform(0.2, 0.7, (samples, 4, 5, 2)).astype(np.float32)
    offset = np.random.default_rng(77).choice([-own, own], (4, 5, 2)).astype(np.float32)
    return Signal((target + offset)[None], True), target


def mean_error(op, current: Signal, target: np.ndarray, n_steps: int) -> float:
    from spikeport.converter.dynamics import fire

    sent = fire(op, target.shape[1:], current, n_steps).sum(axis=0, dtype=np.int32) * op.threshold / n_steps
    return float(np.sqrt(np.mean((sent - target) ** 2)))


@pytest.mark.parametrize("n_steps", [4, 8])
def test_an_error_of_each_neuron_is_taken_back(n_steps):
    current, target = systematic(64)
    op = neurons(2)
    found = calibrate_potential(op, current, target, n_steps)
    assert found.initial_voltage.shape == (4, 5, 2)
    assert mean_error(found, *systematic(64, seed=1), n_steps) < 0.8 * mean_error(op, *systematic(64, seed=1), n_steps)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [{}, {"n_min": -1, "n_max": 4}, {"noise": "threshold", "initial_voltage": 0.0}])
def test_noise_is_not_fitted(seed, kind):
    rng = np.random.default_rng(seed)
    target = rng.uniform(0, 1, (24, 4, 5, 2)).astype(np.float32)
    op = neurons(2, **kind)
    assert calibrate_potential(op, Signal(target[None], True), target, N_STEPS) is op


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_too_few_samples_change_nothing(samples):
    op = neurons(2)
    assert calibrate_potential(op, *systematic(samples), N_STEPS) is op


def test_a_voltage_is_moved_by_no_more_than_two_thresholds():
    current, target = systematic(64, own=0.9)
    found = calibrate_potential(neurons(2), current, target, 64)
    assert np.all(np.abs(found.initial_voltage - 0.5) <= 2)
