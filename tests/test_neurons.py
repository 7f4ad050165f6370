"""The neuron: one definition, in NumPy, compiled and in Nengo; and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuron_cases import (
    NEURONS,
    STEPS,
    currents,
    each_current,
    each_written,
    events_by_definition,
    first_steps,
    one_population,
    population,
    thresholds,
)
from spikeport.backends.cpu.backend import CpuBackend
from spikeport.backends.nengo.backend import NengoBackend
from spikeport.backends.nengo.neuron_type import SignedIntegrateAndFire
from spikeport.converter.dynamics import Signal, fire
from spikeport.converter.dynamics.kernels import integrate
from spikeport.converter.ops import TIE, Array, Neurons
from spikeport.converter.spiking import PRESETS

RANGES = {name: (preset.n_min, preset.n_max) for name, preset in PRESETS.items()} | {"wide": (-3, 6)}
each_range = pytest.mark.parametrize("limits", RANGES.values(), ids=RANGES)


def events_by_kernel(op: Neurons, z: Array, constant: bool = False, compiled: bool = True) -> Array:
    """Events of currents ``(steps, batch, neurons)``."""
    shape, kernel = (NEURONS,), integrate if compiled else integrate.py_func
    events = np.empty((STEPS, z.shape[1], NEURONS), np.int8)
    each = op.threshold_of(shape), op.voltage_of(shape), op.correction_of(shape)
    kernel(np.ascontiguousarray(z), constant, STEPS, *each, op.n_min, op.n_max, events)
    return events


@each_range
@each_current
@each_written
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_the_kernel_follows_the_definition(limits, kind, written, compiled):
    op, z = population(limits, **written), currents(kind)
    events = events_by_kernel(op, np.stack([z, -z], axis=1), compiled=compiled)
    assert np.array_equal(events[:, 0], events_by_definition(op, z))
    assert np.array_equal(events[:, 1], events_by_definition(op, -z))


@each_range
@each_current
@pytest.mark.parametrize("kind_of_number", [np.float64, np.float32])
def test_many_neurons_side_by_side_follow_the_definition(limits, kind, kind_of_number):
    op, rows = population(limits), 3
    z = np.tile(currents(kind).astype(kind_of_number), (1, rows)) * np.repeat(np.array([1, 0.7, -0.6]), NEURONS)
    z = z.astype(kind_of_number)
    both = np.ascontiguousarray(np.stack([z, -z], axis=1)).reshape(STEPS, 2, rows, NEURONS)
    events = fire(op, (rows, NEURONS), Signal(both, False), STEPS).reshape(STEPS, 2, -1)
    state, theta = op.start((rows, NEURONS)), op.threshold_of((rows, NEURONS))
    other = op.start((rows, NEURONS))
    assert np.array_equal(events[:, 0], [op.step(state, row.astype(np.float64) / theta) for row in z])
    assert np.array_equal(events[:, 1], [op.step(other, -row.astype(np.float64) / theta) for row in z])
    if kind == "constant":
        constant = fire(op, (rows, NEURONS), Signal(both[:1], True), STEPS)
        assert np.array_equal(constant.reshape(STEPS, 2, -1), events)


@each_range
@each_written
def test_the_kernel_takes_a_constant_current_as_one_step(limits, written):
    op, z = population(limits, **written), currents("constant")
    assert np.array_equal(events_by_kernel(op, z[:1, None], constant=True)[:, 0], events_by_definition(op, z))


@each_range
@each_current
@each_written
def test_the_nengo_neuron_follows_the_definition(limits, kind, written):
    op, z, dt = population(limits, **written), currents(kind), 0.001
    theta, correction = op.threshold_of((NEURONS,)), op.correction_of((NEURONS,))
    neuron = SignedIntegrateAndFire(amplitude=theta * dt, n_min=op.n_min, n_max=op.n_max)
    voltage, total, output = op.voltage_of((NEURONS,)), np.zeros(NEURONS), np.empty(NEURONS)
    for row, expected in zip(z, events_by_definition(op, z), strict=True):
        neuron.step(dt, row / (theta * dt) + correction / (theta * dt), output, voltage, total)
        assert np.array_equal(np.rint(output / theta), expected)


# shapes of what calibration may write, for neurons of shape (2, 3, 4)
SHAPES = {"one": (1,), "channels": (4,), "neurons": (2, 3, 4), "one a row": (2, 1, 1)}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_backends_agree_with_a_correction_and_an_initial_voltage(shape):
    rng = np.random.default_rng(5)
    theta = rng.uniform(0.3, 1, 4).astype(np.float32)
    written = {"initial_voltage": rng.uniform(-1, 1, shape), "correction": rng.normal(0, 0.1, shape)}
    plain = Neurons(threshold=theta, scale=theta, n_min=-1, n_max=4)
    x = rng.normal(0.2, 1, (3, 2, 3, 4)).astype(np.float32)
    events = {}
    for name, op in (("plain", plain), ("written", replace(plain, **written))):
        graph = one_population(op, (2, 3, 4))
        runs = [place.deploy(graph).run([x], STEPS, record=["r"]) for place in (CpuBackend(), NengoBackend())]
        assert np.array_equal(runs[0].events["r"], runs[1].events["r"])
        events[name] = runs[0].events["r"]
        assert np.array_equal(graph.evaluate({"x": x})["y"], np.maximum(x, 0))
    assert not np.array_equal(events["plain"], events["written"])


def test_a_correction_moves_the_mean_by_itself():
    op = population((-1, 4), correction=np.full(1, 0.1))
    z = np.full((STEPS, NEURONS), 0.3)
    mean = (events_by_definition(op, z) * op.threshold).mean(axis=0)
    assert np.all(np.abs(mean - 0.4) <= op.threshold / STEPS)


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
    assert first_steps(op, np.array([-2.0, 1.0, 1.0, 0.6])) == [0, 0, 0, 1]


@pytest.mark.parametrize("below, fires", [(0, 1), (TIE / 2, 1), (TIE * 2, 0)])
def test_a_tie_fires(below, fires):
    op = Neurons(threshold=np.ones(1), scale=np.ones(1))
    assert first_steps(op, np.array([0.5 - below])) == [fires]


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
        ({"threshold": np.ones(2), "initial_voltage": np.nan}, "initial voltage of some thresholds"),
        ({"threshold": np.ones(2), "initial_voltage": np.array([0.5, 1e9])}, "initial voltage of some thresholds"),
        ({"threshold": np.ones(2), "correction": np.array([0.5, np.inf])}, "finite currents"),
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


@pytest.mark.parametrize("field", ["initial_voltage", "correction"])
def test_what_is_written_has_to_fit_the_shape_of_a_sample(field):
    shapes = [(1,), (1, 1), (3, NEURONS), (NEURONS,), (3, 1)]
    for shape in shapes:
        population((0, 1), **{field: np.zeros(shape)}).output_shape((3, NEURONS))
    for shape in [(2,), (NEURONS, 3), (2, 3, NEURONS), (3,)]:
        with pytest.raises(ValueError, match=r"fits \(3, 7\), received one of"):
            population((0, 1), **{field: np.zeros(shape)}).output_shape((3, NEURONS))
