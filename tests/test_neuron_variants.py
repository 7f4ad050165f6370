"""Variants of the neuron: compiled and in Nengo they follow the definition; and what each variant means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nengo
import numpy as np
import pytest

import spikeport
from neuron_cases import (
    NEURONS,
    STEPS,
    currents,
    each_current,
    each_written,
    events_by_definition,
    first_steps,
    population,
    thresholds,
)
from spikeport import BACKENDS
from spikeport.backends.nengo.variant_neurons import VariantNeurons
from spikeport.converter.dynamics.kernels import integrate, integrate_variant
from spikeport.converter.ops import Array, Neurons, sample_keys
from spikeport.converter.ops.neuron_state import poisson_events
from spikeport.converter.ops.random_numbers import child, uniform
from spikeport.converter.spiking import PRESETS

ONE = np.ones(1)
LEAK = {"tau_rc": 0.02}
# what no preset combines
COMBINED: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {
    "soft leak": ((-1, 4), LEAK),
    "soft leak, refractory": ((-1, 4), {**LEAK, "tau_ref": 0.003}),
    "clamped, graded": ((-2, 4), {"v_min": -0.25}),
    "hard, graded": ((-1, 4), {"reset": "zero"}),
    "adaptation alone": ((0, 1), {"tau_n": 0.05, "inc_n": 0.02}),
    "strong adaptation": ((-1, 4), {**LEAK, "tau_n": 0.01, "inc_n": 0.5, "tau_ref": 0.001}),
    "noise, hard": ((0, 1), {"noise": "threshold", "reset": "zero", "v_min": 0.0}),
    "poisson, leak": ((0, 5), {"noise": "poisson", **LEAK, "tau_ref": 0.001}),
    "plain": ((-1, 4), {}),
}
VARIANTS = {name: ((p.n_min, p.n_max), dict(p.variant)) for name, p in PRESETS.items()} | COMBINED
each_variant = pytest.mark.parametrize(("limits", "fields"), VARIANTS.values(), ids=VARIANTS)
each_preset = pytest.mark.parametrize("name", PRESETS)
KEYS = sample_keys(7, "r", 3, 2)


def events_by_kernel(op: Neurons, z: Array, constant: bool = False, compiled: bool = True) -> Array:
    """Events of currents ``(steps, batch, neurons)`` by the kernel of any neuron."""
    shape, kernel = (NEURONS,), integrate_variant if compiled else integrate_variant.py_func
    events = np.empty((STEPS, z.shape[1], NEURONS), np.int8)
    each = op.threshold_of(shape), op.voltage_of(shape), op.correction_of(shape)
    kernel(np.ascontiguousarray(z), constant, STEPS, *each, op.dynamics, KEYS, events)
    return events


@each_variant
@each_current
@each_written
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_the_kernel_follows_the_definition(limits, fields, kind, written, compiled):
    op, z = population(limits, **{**fields, **written}), currents(kind)
    events = events_by_kernel(op, np.stack([z, -z], axis=1), compiled=compiled)
    assert np.array_equal(events[:, 0], events_by_definition(op, z, KEYS[:1]))
    assert np.array_equal(events[:, 1], events_by_definition(op, -z, KEYS[1:]))


@each_variant
def test_the_kernel_takes_a_constant_current_as_one_step(limits, fields):
    op, z = population(limits, **fields), currents("constant")
    events = events_by_kernel(op, z[:1, None], constant=True)
    assert np.array_equal(events[:, 0], events_by_definition(op, z, KEYS[:1]))


@each_variant
@each_current
@pytest.mark.parametrize("dt", [0.001, 0.0003])
def test_the_nengo_neuron_follows_the_definition(limits, fields, kind, dt):
    op, z = population(limits, **fields), currents(kind)
    theta = op.threshold_of((NEURONS,))
    neuron = VariantNeurons(op, theta * dt)
    neuron.key = KEYS[:1]
    state = neuron.make_state(NEURONS) | {"voltage": op.voltage_of((NEURONS,))}
    output = np.empty(NEURONS)
    for row, expected in zip(z, events_by_definition(op, z, KEYS[:1]), strict=True):
        neuron.step(dt, row / (theta * dt), output, **state)
        assert np.array_equal(np.rint(output / theta), expected)


@each_current
def test_for_plain_neurons_both_kernels_are_the_same(kind):
    op, z = population((-1, 4)), currents(kind)
    events, shape = np.empty((STEPS, 1, NEURONS), np.int8), (NEURONS,)
    each = op.threshold_of(shape), op.voltage_of(shape), op.correction_of(shape)
    integrate(z[:, None].copy(), False, STEPS, *each, op.n_min, op.n_max, events)
    assert np.array_equal(events, events_by_kernel(op, z[:, None]))


def test_two_nengo_neurons_are_never_the_same():
    op = population((0, 1), **LEAK)
    one, other = (VariantNeurons(op, thresholds()) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2
    assert np.array_equal(one.rates(np.ones(1), np.ones(NEURONS), np.zeros(NEURONS))[0], thresholds())


# what a variant does: fields, the currents of one neuron with a threshold of 1, and its events
MEANINGS: Mapping[str, tuple[dict[str, Any], list[float], list[int]]] = {
    "what is beyond the threshold is kept": ({}, [0.9, 0.2, 0.9], [1, 0, 1]),
    "a hard reset loses it": ({"reset": "zero"}, [0.9, 0.2, 0.7, 0.2], [1, 0, 0, 1]),
    "inhibition is kept": ({}, [-3.0, 2.0, 1.0, 1.0], [0, 0, 0, 1]),
    "a clamp forgets it": ({"v_min": -0.5}, [-3.0, 1.0, 0.5], [0, 0, 1]),
    "a clamp at zero": ({"v_min": 0.0}, [-3.0, 1.0], [0, 1]),
    "a membrane without a leak waits": ({}, [0.0] * 9 + [0.5], [0] * 9 + [1]),
    "a leak forgets": ({"tau_rc": 0.005}, [0.0] * 9 + [0.5, 0.9], [0] * 10 + [1]),
    "current in the refractory period is lost": ({"tau_ref": 0.002}, [0.5, 9.0, 9.0, 0.5, 0.5], [1, 0, 0, 0, 1]),
    "adaptation takes from the current": ({"tau_n": 1.0, "inc_n": 0.25}, [0.5, 1.0, 1.0, 1.0], [1, 0, 1, 1]),
}


@pytest.mark.parametrize(("fields", "z", "events"), MEANINGS.values(), ids=MEANINGS)
def test_what_a_variant_means(fields, z, events):
    assert first_steps(Neurons(threshold=ONE, scale=ONE, **fields), np.array(z)) == events


@pytest.mark.parametrize("adapts", [False, True], ids=["LIF", "AdaptiveLIF"])
def test_lif_without_a_refractory_period_is_that_of_nengo(adapts):
    """nengo's cuts the last step of a refractory period at the time of the spike; with none, the two are the same."""
    steps, dt, rng = 2000, 0.001, np.random.default_rng(4)
    adaptation = {"tau_n": 0.1, "inc_n": 0.05} if adapts else {}
    fields = {"initial_voltage": 0.0, "reset": "zero", "v_min": 0.0, "tau_rc": 0.02, **adaptation}
    op = Neurons(threshold=ONE, scale=ONE, **fields)
    kind = nengo.AdaptiveLIF if adapts else nengo.LIF
    other = kind(tau_rc=0.02, tau_ref=0.0, **adaptation)
    state = {name: np.zeros(NEURONS) for name in other.state}
    output, fired = np.zeros(NEURONS), 0
    current = rng.normal(1.5, 3.0, (steps, NEURONS))  # J of nengo's
    z = current * (1 - op.dynamics.decay)
    for row, events in zip(current, events_by_definition(op, z), strict=True):
        other.step(dt, row, output, **state)
        assert np.array_equal(output * dt, events)
        fired += int(events.sum())
    assert fired > 100


@pytest.mark.parametrize("name", [name for name, p in PRESETS.items() if p.neurons(ONE, ONE).follows_rate])
def test_the_error_of_the_mean_goes_to_zero(name):
    theta = np.ones(400)
    z = np.linspace(-0.5, 1.0, len(theta))
    op = PRESETS[name].neurons(theta, theta)
    errors = []
    for steps in (25, 400):
        events = events_by_definition(op, np.broadcast_to(z, (steps, len(z))), KEYS[:1])
        errors.append(np.abs(events.mean(axis=0) - np.maximum(z, 0)).mean())
    assert errors[1] < errors[0] / 8  # 16 times the steps
    assert errors[1] < 2 / 400


@pytest.mark.parametrize("name", [name for name, p in PRESETS.items() if not p.neurons(ONE, ONE).follows_rate])
def test_what_loses_current_says_so_and_does(name):
    """With a current that changes: what is forgotten below the clamp or at the reset is missed in the mean."""
    rng = np.random.default_rng(6)
    theta = np.ones(200)
    z = np.abs(rng.normal(0.6, 0.2, (400, 1))) * np.where(np.arange(400)[:, None] % 32 < 16, 1, -0.5) + 0.1 * theta
    op = PRESETS[name].neurons(theta, theta)
    mean = events_by_definition(op, z).mean(axis=0)
    assert np.abs(mean - z.mean(axis=0)).min() > 0.01


# random numbers


def test_the_numbers_are_those_of_splitmix64():
    """The first outputs for the seeds 0 and 1234567, as its reference implementation gives them."""
    drawn = [int(n) for n in child(np.zeros(1, np.uint64), np.arange(3, dtype=np.uint64))]
    assert drawn == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    drawn = [int(n) for n in child(np.array([1234567], np.uint64), np.arange(3, dtype=np.uint64))]
    assert drawn == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_the_numbers_are_even_and_differ_wherever_they_are_used():
    places = [(0, "a", 0, 0), (1, "a", 0, 0), (-1, "a", 0, 0), (0, "b", 0, 0), (0, "a", 1, 0), (0, "a", 0, 1)]
    numbers = [uniform(sample_keys(seed, name, sample, 1), step, 1000) for seed, name, sample, step in places]
    for one in numbers:
        assert 0 <= one.min() < one.max() < 1
        assert abs(one.mean() - 0.5) < 0.04
        assert abs(one.std() - 12**-0.5) < 0.03
    correlation = np.corrcoef(numbers) - np.eye(len(numbers))
    assert np.abs(correlation).max() < 0.15


def test_the_keys_of_samples_do_not_depend_on_how_they_are_asked_for():
    keys = sample_keys(3, "a", 0, 6)
    assert np.array_equal(keys[4:], sample_keys(3, "a", 4, 2))
    together = uniform(keys[:, None], 7, 5)
    assert np.array_equal(together, [uniform(keys[i : i + 1], 7, 5) for i in range(6)])


@pytest.mark.parametrize("rate", [0.0, 0.3, 2.0, 800.0])
def test_events_are_poisson(rate):
    drawn = uniform(KEYS[:1], 0, 20000)
    events = poisson_events(np.full(len(drawn), rate), drawn, 20)
    expected = min(rate, 20)
    assert abs(events.mean() - expected) < 0.05
    assert abs(events.var() - (rate if rate < 20 else 0)) < 0.1


# on networks


X = np.random.default_rng(8).uniform(0, 1, (5, 6, 6, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def networks(small_h5) -> dict[str, spikeport.SpikingNetwork]:
    return {name: spikeport.convert(small_h5, X, neurons=name) for name in PRESETS}


def events_of(net: spikeport.SpikingNetwork, x: Array = X, backend: str = "cpu", **options: Any) -> dict[str, Array]:
    names = [node.name for node in net.graph.nodes.values() if isinstance(node.op, Neurons)]
    return dict(net.run(x, 30, backend=backend, record=names, **options).events)


def assert_same_events(one: Mapping[str, Array], other: Mapping[str, Array]) -> None:
    assert list(one) == list(other)
    for name, events in one.items():
        assert np.array_equal(events, other[name]), name


@each_preset
def test_the_backends_agree(networks, name):
    net = networks[name]
    events = events_of(net, seed=2)
    assert all(e.any() for e in events.values())
    assert_same_events(events, events_of(net, backend="nengo", seed=2))


@each_preset
def test_events_are_the_same_for_one_seed_whatever_the_batch(networks, name):
    net, every = networks[name], events_of(networks[name], seed=2)
    assert_same_events(every, events_of(net, seed=2, batch=1))
    for backend in ("cpu", "nengo"):
        deployment = net.deploy(backend, seed=2)
        later = deployment.run([X[3:]], 30, record=list(every), first=3)
        assert_same_events({n: e[3:] for n, e in every.items()}, later.events)
    other = events_of(net, seed=3)
    random = any(node.op.random for node in net.graph.nodes.values() if isinstance(node.op, Neurons))
    assert all(np.array_equal(every[n], other[n]) != random for n in every)


def test_a_score_does_not_depend_on_the_blocks_that_it_is_made_in(networks, monkeypatch):
    net, y = networks["poisson"], np.zeros(len(X), int)
    whole = spikeport.evaluate(net, X, y, 9)
    monkeypatch.setattr("spikeport.evaluation._BLOCK", 2)
    parts = spikeport.evaluate(net, X, y, 9)
    assert (parts.accuracy, parts.spikes_per_sample) == (whole.accuracy, whole.spikes_per_sample)


@each_preset
def test_a_network_that_was_saved_and_read_fires_the_same(networks, name, tmp_path):
    networks[name].save(tmp_path / "net.h5")
    assert_same_events(events_of(networks[name]), events_of(spikeport.load(tmp_path / "net.h5")))


@each_preset
def test_the_report_says_what_the_neurons_mean(networks, name):
    op, report = PRESETS[name].neurons(ONE, ONE), networks[name].report
    codes = [entry.code for entry in report.layers]
    assert ("neurons-lose-rate" in codes) == (not op.follows_rate)
    assert ("spiking" in codes) == op.follows_rate
    assert ("neurons-random" in [note.code for note in report.notes]) == op.random


@each_preset
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_says_which_neurons_it_takes(networks, small_h5, name, backend):
    why_not = BACKENDS[backend].takes(PRESETS[name].neurons(ONE, ONE))
    verdicts = [v for v in BACKENDS[backend].check(networks[name].graph) if v.refused]
    refused = {"loihi": name not in ("graded", "binary"), "keras": PRESETS[name].neurons(ONE, ONE).random}
    assert bool(why_not) == bool(verdicts) == refused.get(backend, False)
    assert all(v.why.startswith(why_not) for v in verdicts)
    if why_not:
        with pytest.raises(spikeport.UsageError, match=f"neurons that the {backend} backend takes, received '{name}'"):
            spikeport.convert(small_h5, X, neurons=name, target=backend)
        with pytest.raises(spikeport.BackendError, match=r"neurons='binary'|backend='cpu'"):
            networks[name].deploy(backend)


def test_loihi_says_that_its_own_neuron_stands_in_for_graded_ones(networks):
    told = {name: [v.why for v in BACKENDS["loihi"].check(networks[name].graph)] for name in ("graded", "binary")}
    assert any("stands in for graded ones" in why for why in told["graded"])
    assert not any("stands in" in why for why in told["binary"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", ["one", 1.5, True])
def test_a_seed_is_a_whole_number(networks, backend, seed):
    with pytest.raises(spikeport.UsageError, match="a whole number as seed"):
        networks["binary"].deploy(backend, seed=seed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reset": "none"}, "reset to be 'subtract' or 'zero', received 'none'"),
        ({"noise": "pink"}, "noise to be '', 'threshold' or 'poisson', received 'pink'"),
        ({"v_min": 0.5}, "v_min of some thresholds, not above 0, received 0.5"),
        ({"v_min": np.nan}, "v_min of some thresholds"),
        ({"tau_rc": 0.0}, "tau_rc in seconds, above 0, received 0.0"),
        ({"tau_n": np.inf}, "tau_n in seconds"),
        ({"tau_ref": -0.001}, "tau_ref and inc_n of at least 0"),
        ({"inc_n": np.nan}, "tau_ref and inc_n of at least 0"),
    ],
)
def test_impossible_variants_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Neurons(threshold=ONE, scale=ONE, **fields)
