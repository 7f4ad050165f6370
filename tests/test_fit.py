"""The fit of thresholds and initial voltages: never worse than where it starts, and right where the answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration_cases import constant_trial, neurons, spiky_trial
from spikeport.converter.dynamics import Signal
from spikeport.converter.spiking.fit import (
    Trial,
    at_other_sizes,
    final_error,
    fit_threshold_and_voltage,
    sample_places,
    trial_errors,
    whole_samples,
)

KINDS = {
    "binary": {},
    "graded": {"n_min": -1, "n_max": 4, "threshold": 0.3},
    "hard reset": {"reset": "zero"},
    "lif": {"reset": "zero", "v_min": 0.0, "tau_rc": 0.02, "tau_ref": 0.002},
    "stochastic": {"n_min": -1, "n_max": 4, "noise": "threshold", "initial_voltage": 0.0},
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
BOTH = {"thresholds": True, "voltages": True}


@each_kind
@pytest.mark.parametrize("n_steps", [1, 2, 7, 16])
@pytest.mark.parametrize(
    "what", [BOTH, {"thresholds": True, "voltages": False}, {"thresholds": False, "voltages": True}]
)
def test_no_channel_becomes_worse_than_the_rule(kind, n_steps, what):
    trial = spiky_trial(n_steps)
    op = neurons(3, **kind)
    fitted = fit_threshold_and_voltage(op, trial, **what)
    assert np.all(trial_errors(fitted, trial)[0] <= trial_errors(op, trial)[0])
    if not what["thresholds"]:
        assert np.array_equal(fitted.threshold, op.threshold)
    if not what["voltages"]:
        assert np.array_equal(fitted.voltage_of((3,)), op.voltage_of((3,)))


def test_a_channel_that_needs_a_small_threshold_gets_one():
    values = np.random.default_rng(0).uniform(0, 1, (500, 2)) * [1.0, 0.3]
    fitted = fit_threshold_and_voltage(neurons(2), constant_trial(values, 8), **BOTH)
    assert 0.8 < fitted.threshold[0] < 1.2
    assert 0.25 < fitted.threshold[1] < 0.42


def test_a_channel_that_is_cut_off_gets_a_larger_threshold():
    values = np.random.default_rng(0).uniform(0, 1.3, (500, 1))
    fitted = fit_threshold_and_voltage(neurons(1), constant_trial(values, 32), **BOTH)
    assert fitted.threshold[0] > 1.2


def test_constant_currents_are_rounded_best_with_half_a_threshold():
    fitted = fit_threshold_and_voltage(neurons(1), constant_trial(np.linspace(0, 1, 301)[:, None], 8), **BOTH)
    assert fitted.voltage_of((1,))[0] == 0.5


def test_currents_that_come_too_early_ask_for_a_lower_voltage():
    current = np.zeros((8, 200, 1), np.float32)
    current[0] = 0.9  # taken back in the second step, when a spike was sent
    current[1] = -0.9
    trial = Trial(Signal(current, False), np.zeros((200, 1), np.float32), 8)
    fitted = fit_threshold_and_voltage(neurons(1), trial, thresholds=False, voltages=True)
    assert fitted.voltage_of((1,))[0] == 0
    assert final_error(neurons(1), trial) > 0
    assert final_error(fitted, trial) == 0


def test_scaling_all_values_scales_the_thresholds():
    trial = spiky_trial(8)
    large = Trial(Signal(trial.current.values * 4, False), trial.target * 4, 8)
    fitted = fit_threshold_and_voltage(neurons(3), trial, **BOTH)
    scaled = fit_threshold_and_voltage(neurons(3, threshold=4.0), large, **BOTH)
    np.testing.assert_allclose(scaled.threshold, 4 * fitted.threshold, rtol=1e-6)
    np.testing.assert_array_equal(scaled.initial_voltage, fitted.initial_voltage)


def test_channels_are_fitted_apart():
    trial = spiky_trial(8)
    together = fit_threshold_and_voltage(neurons(3), trial, **BOTH)
    for channel in range(3):
        one = Trial(Signal(trial.current.values[..., [channel]], False), trial.target[:, [channel]], 8)
        alone = fit_threshold_and_voltage(neurons(1), one, **BOTH)
        assert alone.threshold[0] == together.threshold[channel]


def test_random_neurons_draw_anew_at_each_place():
    trial = constant_trial(np.full((400, 1), 0.5), 1)
    op = neurons(1, noise="threshold", initial_voltage=0.0)
    _, missing = trial_errors(op, trial)
    assert abs(missing[0]) < 0.1  # all or none of them would send, and miss by a half, if they shared one draw


def test_places_are_drawn_from_all_samples_within_bounds():
    rng = np.random.default_rng(1)
    target = rng.random((60, 20, 20, 3)).astype(np.float32)
    current = Signal(np.repeat(target[None], 4, axis=0), False)
    trial = sample_places(current, target, 4, rng)
    assert trial.target.shape == (16384, 3)
    assert trial.current.values.shape == (4, 16384, 3)
    assert np.array_equal(trial.current.values[2], trial.target)
    rows = {tuple(row) for row in target.reshape(-1, 3)}
    assert all(tuple(row) in rows for row in trial.target)


@pytest.mark.parametrize("n_steps", [1, 128, 2**20])
def test_a_trial_holds_a_bounded_number_of_values(n_steps):
    target = np.broadcast_to(np.float32(1), (64, 10, 10, 64))
    current = Signal(target[None], True)
    for trial in (
        sample_places(current, target, n_steps, np.random.default_rng(0)),
        whole_samples(current, target, n_steps),
    ):
        count, *shape = trial.target.shape
        assert count == 1 or count * np.prod(shape) * n_steps <= 2**24


def test_the_power_of_silence_is_one():
    trial = constant_trial(np.full((5, 2), -1.0), 4)
    assert trial.power == 1
    assert final_error(neurons(2), trial) == 0


def test_one_place_is_enough():
    trial = constant_trial(np.array([[0.4, -1.0]]), 5)
    fitted = fit_threshold_and_voltage(neurons(2), trial, **BOTH)
    assert np.all(fitted.threshold > 0)
    assert fitted.threshold[1] == 1  # it is silent with any threshold


def test_other_fields_stay():
    op = neurons(3, **KINDS["lif"])
    fitted = fit_threshold_and_voltage(op, spiky_trial(8), **BOTH)
    assert replace(fitted, threshold=op.threshold, initial_voltage=op.initial_voltage).dynamics == op.dynamics
    assert np.array_equal(fitted.scale, op.scale)


def test_places_are_looked_at_smaller_and_larger_as_well_where_they_are_few():
    bursts = neurons(3, n_max=15)
    few, some, many = (spiky_trial(8, places=count) for count in (16, 400, 8000))
    assert at_other_sizes(bursts, many) is many
    assert at_other_sizes(neurons(3), some) is some
    np.testing.assert_allclose(at_other_sizes(bursts, some).target[400:], 1.4 * some.target, rtol=1e-6)
    wider = at_other_sizes(bursts, few)
    assert wider.target.shape == (64, 3)
    assert wider.current.values.shape == (8, 64, 3)
    np.testing.assert_array_equal(wider.target[:16], few.target)
    np.testing.assert_allclose(wider.target[48:], 4 * few.target, rtol=1e-6)
    np.testing.assert_allclose(wider.current.values[:, 16:32], np.float32(0.7) * few.current.values, rtol=1e-6)


def test_a_few_small_values_do_not_lower_a_threshold_far():
    values = np.random.default_rng(1).uniform(0, 0.3, (6, 1))
    alone = fit_threshold_and_voltage(neurons(1), constant_trial(values, 8), **BOTH)
    careful = fit_threshold_and_voltage(neurons(1), at_other_sizes(neurons(1), constant_trial(values, 8)), **BOTH)
    assert careful.threshold[0] > 1.5 * alone.threshold[0]
