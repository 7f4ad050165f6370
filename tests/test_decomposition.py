"""Error decomposition: the parts add up to the error, each is found where it alone is provoked, and its knob helps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

from calibration_cases import constant_trial, neurons, spiky_trial
from spikeport.converter.dynamics import Signal, fire
from spikeport.converter.ops import Neurons
from spikeport.converter.spiking.decomposition import SOURCES, decompose, output_stages
from spikeport.converter.spiking.fit import Trial

VARIANTS = {
    "binary": {},
    "graded": {"n_min": -1, "n_max": 4, "threshold": 0.3},
    "hard reset": {"reset": "zero"},
    "clamped": {"v_min": -1.0},
    "lif": {"reset": "zero", "v_min": 0.0, "tau_rc": 0.02, "tau_ref": 0.002},
    "adaptive": {"tau_n": 0.1, "inc_n": 0.01},
    "stochastic": {"n_min": -1, "n_max": 4, "noise": "threshold", "initial_voltage": 0.0},
    "poisson": {"n_max": 8, "noise": "poisson"},
    "corrected": {"correction": np.array([0.1, -0.1, 0.0])},
}


def levels(n_steps: int, highest: float = 1.0, places: int = 200) -> np.ndarray:
    """Values that are whole events over the steps, so that nothing needs rounding."""
    return np.random.default_rng(3).integers(0, int(highest * n_steps) + 1, (places, 1)) / n_steps


def burst(n_steps: int) -> Trial:
    """Nothing on the whole in each quarter, but first a threshold comes and then it is taken back."""
    current = np.zeros((n_steps, 50, 1), np.float32)
    current[0::4], current[1::4] = 1.0, -1.0
    return Trial(Signal(current, False), np.zeros((50, 1), np.float32), n_steps)


def late(n_steps: int, places: int = 100) -> Trial:
    """Nothing in the first half, the double after that."""
    target = np.random.default_rng(2).integers(n_steps // 2 + 1, n_steps + 1, (places, 1)).astype(np.float32) / n_steps
    current = np.zeros((n_steps, places, 1), np.float32)
    current[n_steps // 2 :] = 2 * target
    return Trial(Signal(current, False), target, n_steps)


def shifted(n_steps: int) -> Trial:
    trial = constant_trial(levels(n_steps, 0.5) + 1 / n_steps, n_steps)
    return replace(trial, target=trial.target - np.float32(1 / n_steps))


class Provoked(NamedTuple):
    source: str
    op: Neurons
    trial: Trial
    knob: Any  # the op and the trial with the knob turned


def steps_are(n_steps: int, make: Any) -> Any:
    return lambda op, trial: (op, make(n_steps))


UNEVEN = np.random.default_rng(4).uniform(0.0, 1.0, (200, 1))
PROVOKED = [
    Provoked(
        "inherited", neurons(), shifted(8), lambda op, trial: (op, replace(trial, target=trial.current.values[0]))
    ),
    Provoked(
        "clipping",
        neurons(threshold=0.5),
        constant_trial(levels(8), 8),
        lambda op, trial: (neurons(threshold=1.0), trial),
    ),
    Provoked(
        "clipping",
        neurons(threshold=0.5),
        constant_trial(levels(8), 8),
        lambda op, trial: (replace(op, n_max=4), trial),
    ),
    Provoked("quantisation", neurons(), constant_trial(UNEVEN, 8), steps_are(64, lambda n: constant_trial(UNEVEN, n))),
    Provoked(
        "noise",
        neurons(noise="poisson", n_max=8),
        constant_trial(levels(8), 8),
        lambda op, trial: (replace(op, noise=""), trial),
    ),
    Provoked(
        "leak",
        neurons(tau_rc=0.01),
        constant_trial(levels(16), 16),
        lambda op, trial: (replace(op, tau_rc=None), trial),
    ),
    Provoked(
        "leak",
        neurons(tau_ref=0.002),
        constant_trial(levels(16), 16),
        lambda op, trial: (replace(op, tau_ref=0.0), trial),
    ),
    Provoked(
        "reset",
        neurons(reset="zero", threshold=0.5, n_max=4),
        constant_trial(levels(8), 8),
        lambda op, trial: (replace(op, reset="subtract"), trial),
    ),
    Provoked(
        "delay", neurons(), late(16), lambda op, trial: (op, replace(trial, current=Signal(trial.target[None], True)))
    ),
    Provoked("uneven arrival", neurons(), burst(16), lambda op, trial: (replace(op, n_min=-1), trial)),
    Provoked("uneven arrival", neurons(), burst(16), steps_are(16, lambda n: quiet(n))),
]


def quiet(n_steps: int) -> Trial:
    return constant_trial(np.zeros((50, 1)), n_steps)


@pytest.mark.parametrize("kind", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("n_steps", [1, 3, 16])
def test_the_parts_add_up_value_by_value(kind, n_steps):
    op, trial = neurons(3, **kind), spiky_trial(n_steps)
    stages = output_stages(op, trial)
    assert len(stages) == len(SOURCES) + 1
    sent = fire(op, (3,), trial.current, n_steps).sum(axis=0, dtype=np.int32) * op.threshold_of((3,)) / n_steps
    np.testing.assert_allclose(stages[0] + sum(b - a for a, b in pairwise(stages)), sent, atol=1e-6)
    parts = decompose(op, trial)
    assert set(parts.parts) == set(SOURCES)
    expected = np.sqrt(np.mean((sent - trial.target) ** 2) / trial.power)
    np.testing.assert_allclose(parts.total, expected, rtol=1e-6)
    assert parts.total <= sum(parts.parts.values()) + 1e-9  # the triangle inequality


@pytest.mark.parametrize("case", PROVOKED, ids=[case.source for case in PROVOKED])
def test_a_source_is_found_when_it_alone_is_provoked(case):
    parts = decompose(case.op, case.trial)
    assert max(parts.parts, key=parts.parts.get) == case.source
    assert parts.parts[case.source] > 0.9 * parts.total > 0.02
    if case.source != "inherited":
        assert parts.largest == case.source


@pytest.mark.parametrize("case", PROVOKED, ids=[case.source for case in PROVOKED])
def test_the_knob_that_it_names_reduces_it(case):
    before = decompose(case.op, case.trial)
    after = decompose(*case.knob(case.op, case.trial))
    assert after.parts[case.source] < 0.5 * before.parts[case.source]
    assert after.total < before.total


def test_what_a_bias_adds_is_inherited_and_no_leak():
    trial = constant_trial(levels(8, 0.5), 8)
    parts = decompose(neurons(correction=np.array([0.25])), trial).parts
    assert parts["inherited"] > 0.1
    assert parts["leak"] == parts["reset"] == 0


def test_neurons_that_are_right_have_no_source():
    parts = decompose(neurons(), constant_trial(levels(8), 8))
    assert parts.total == 0
    assert parts.told == {}
    assert parts.largest is None


def test_maps_with_a_voltage_of_each_neuron_are_decomposed():
    rng = np.random.default_rng(0)
    target = rng.random((6, 4, 5, 2)).astype(np.float32)
    op = neurons(2, initial_voltage=rng.random((4, 5, 2)))
    parts = decompose(op, Trial(Signal(target[None], True), target, 8))
    assert parts.largest == "quantisation"
