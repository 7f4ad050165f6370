"""The neuron: one definition, in NumPy, compiled and in Nengo; and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest

from spikeport.backends.cpu.kernels import integrate
from spikeport.backends.nengo.neuron_type import SignedIntegrateAndFire
from spikeport.converter.ops import TIE, Array, Neurons
from spikeport.converter.spiking import PRESETS

STEPS, NEURONS = 40, 7
RANGES = {name: (preset.n_min, preset.n_max) for name, preset in PRESETS.items()} | {"wide": (-3, 6)}
each_range = pytest.mark.parametrize("limits", RANGES.values(), ids=RANGES)


def thresholds() -> Array:
    return np.random.default_rng(1).uniform(0.3, 2.0, NEURONS)


def currents(kind: str) -> Array:
    """Currents into the neurons, ``(steps, neurons)``: drawn anew at each step, constant, or on the threshold."""
    rng = np.random.default_rng(2)
    if kind == "noise":
        return rng.normal(0.2, 1.0, (STEPS, NEURONS))
    if kind == "constant":
        return np.repeat(rng.normal(0.2, 0.8, (1, NEURONS)), STEPS, axis=0)
    return np.repeat(thresholds()[None] * np.array([0.1, 0.25, 0.5, 1, -0.5, 0.3, 1.5]), STEPS, axis=0)


each_current = pytest.mark.parametrize("kind", ["noise", "constant", "ties"])


def population(limits: tuple[int, int]) -> Neurons:
    theta = thresholds()
    return Neurons(threshold=theta, scale=theta, n_min=limits[0], n_max=limits[1])


def events_by_definition(op: Neurons, z: Array) -> Array:
    voltage, total = np.full(NEURONS, op.initial_voltage), np.zeros(NEURONS)
    return np.array([op.step(voltage, total, row / op.threshold) for row in z])


@each_range
@each_current
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_the_kernel_follows_the_definition(limits, kind, compiled):
    op, z = population(limits), currents(kind)
    events = np.empty((STEPS, 2, NEURONS), np.int8)
    kernel = integrate if compiled else integrate.py_func
    both = np.ascontiguousarray(np.stack([z, -z], axis=1))
    kernel(both, False, STEPS, op.threshold, op.initial_voltage, op.n_min, op.n_max, events)
    assert np.array_equal(events[:, 0], events_by_definition(op, z))
    assert np.array_equal(events[:, 1], events_by_definition(op, -z))


@each_range
def test_the_kernel_takes_a_constant_current_as_one_step(limits):
    op, z = population(limits), currents("constant")
    events = np.empty((STEPS, 1, NEURONS), np.int8)
    integrate(z[:1, None].copy(), True, STEPS, op.threshold, op.initial_voltage, op.n_min, op.n_max, events)
    assert np.array_equal(events[:, 0], events_by_definition(op, z))


@each_range
@each_current
def test_the_nengo_neuron_follows_the_definition(limits, kind):
    op, z, dt = population(limits), currents(kind), 0.001
    neuron = SignedIntegrateAndFire(amplitude=op.threshold * dt, n_min=op.n_min, n_max=op.n_max)
    voltage, total, output = np.full(NEURONS, 0.5), np.zeros(NEURONS), np.empty(NEURONS)
    for row, expected in zip(z, events_by_definition(op, z), strict=True):
        neuron.step(dt, row / (op.threshold * dt), output, voltage, total)
        assert np.array_equal(np.rint(output / op.threshold), expected)


def test_two_nengo_neurons_are_never_the_same():
    one, other = (SignedIntegrateAndFire(amplitude=thresholds()) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2


@each_range
@pytest.mark.parametrize("kind", ["constant", "ties"])
def test_the_mean_output_is_within_a_threshold_over_the_steps(limits, kind):
    op = population(limits)
    z = np.minimum(currents(kind), op.n_max * op.threshold)  # a current above that cannot be followed
    mean = (events_by_definition(op, z) * op.threshold).mean(axis=0)
    assert np.all(np.abs(mean - np.maximum(z[0], 0)) <= op.threshold / STEPS)


@each_range
def test_a_negative_event_takes_back_an_earlier_one_and_no_more(limits):
    events = events_by_definition(population(limits), currents("noise"))
    assert np.all(np.cumsum(events, axis=0) >= 0)
    assert events.min() >= limits[0]
    assert events.max() <= limits[1]
    assert (events < 0).any() == (limits[0] < 0)


def test_the_membrane_is_signed():
    """A negative current cancels a positive one that comes later: rectified before, they would leave an event."""
    op = Neurons(threshold=np.ones(1), scale=np.ones(1))
    voltage, total = np.full(1, 0.5), np.zeros(1)
    events = [op.step(voltage, total, np.array([z]))[0] for z in (-2.0, 1.0, 1.0, 0.6)]
    assert events == [0, 0, 0, 1]


@pytest.mark.parametrize("below, fires", [(0, 1), (TIE / 2, 1), (TIE * 2, 0)])
def test_a_tie_fires(below, fires):
    op = Neurons(threshold=np.ones(1), scale=np.ones(1))
    assert op.step(np.full(1, 0.5), np.zeros(1), np.array([0.5 - below]))[0] == fires


def test_as_a_rate_it_is_the_relu():
    op = population((0, 1))
    x = np.random.default_rng(3).normal(size=(3, NEURONS)).astype(np.float32)
    assert np.array_equal(op.apply(x), np.maximum(x, 0))
    assert op.apply(x).dtype == np.float32


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"threshold": np.array([1.0, 0.0])}, "thresholds above 0"),
        ({"threshold": np.array([1.0, np.nan])}, "thresholds above 0"),
        ({"threshold": np.ones(2), "n_min": 1}, "n_min <= 0 < n_max"),
        ({"threshold": np.ones(2), "n_max": 0}, "n_min <= 0 < n_max"),
    ],
)
def test_impossible_neurons_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Neurons(scale=np.ones(2), **arguments)


def test_thresholds_have_to_fit_the_channels():
    op = population((0, 1))
    assert op.output_shape((3, NEURONS)) == (3, NEURONS)
    with pytest.raises(ValueError, match="expected 7 channels"):
        op.output_shape((3, 2))
    assert np.array_equal(op.threshold_of((2, NEURONS)), np.tile(op.threshold, 2))
