"""Max pooling on spikes: on counts and as a gate, in both simulators, and what the report says of it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import spikeport
from graphs import OUTPUT, conv, graph_of, node, random
from real_material import model_path
from spikeport import UsageError
from spikeport.backends.cpu.backend import CpuBackend
from spikeport.backends.nengo.backend import NengoBackend
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Array, Input, MaxPool, Op, OverTime, Reshape, as_gate, as_rate_domain
from spikeport.converter.spiking import PRESETS

STEPS, BATCH = 24, 3
ROW = MaxPool(pool_size=(4,), strides=(4,), padding=((0, 0),), gate=True)
GATES: dict[str, tuple[Op, tuple[int, ...]]] = {
    "windows side by side": (ROW, (8, 2)),
    "windows that overlap": (MaxPool(pool_size=(3,), strides=(2,), padding=((1, 1),), gate=True), (7, 2)),
    "a plane with padding": (
        MaxPool(pool_size=(2, 3), strides=(2, 2), padding=((0, 1), (1, 1)), gate=True),
        (5, 6, 2),
    ),
    "at each place of an axis": (OverTime(op=ROW), (3, 8, 2)),
}
each_gate = pytest.mark.parametrize(("op", "shape"), GATES.values(), ids=GATES)


def spikes(shape: tuple[int, ...], high: int = 1, seed: int = 0) -> Array:
    """Events ``(steps, batch, *shape)``, with another rate for each neuron."""
    rng = np.random.default_rng(seed)
    rates = rng.random((1, BATCH, *shape))
    sent = rng.random((STEPS, BATCH, *shape)) < rates
    return np.asarray(sent * rng.integers(1, high + 1, sent.shape), np.float64)


def gate_by_definition(op: Op, s: Array) -> Array:
    """The gate, from the winner's place alone: numbered places go through the windows as values do."""
    sums = np.cumsum(s, axis=0)
    inner = op.op if isinstance(op, OverTime) else op
    assert isinstance(inner, MaxPool)
    shape = s.shape[2:]
    flat_shape = shape[1:] if isinstance(op, OverTime) else shape
    places = inner.members(np.arange(np.prod(flat_shape), dtype=float).reshape(1, *flat_shape), np.nan)[:, 0]
    out = np.empty((STEPS, BATCH, *op.output_shape(shape)))
    for t, b in np.ndindex(STEPS, BATCH):
        slices = range(shape[0]) if isinstance(op, OverTime) else [None]
        for i in slices:
            now, so_far = (a[t, b] if i is None else a[t, b, i] for a in (s, sums))
            target = out[t, b] if i is None else out[t, b, i]
            for where in np.ndindex(*target.shape):
                members = [int(p) for p in places[(slice(None), *where)] if not np.isnan(p)]
                winner = members[int(np.argmax(so_far.reshape(-1)[members]))]  # the first of equals
                target[where] = now.reshape(-1)[winner]
    return out


@each_gate
def test_a_gate_passes_what_the_winner_so_far_sends(op, shape):
    s = spikes(shape)
    assert np.array_equal(as_gate(op, s), gate_by_definition(op, s))
    assert set(np.unique(as_gate(op, s))) <= {0.0, 1.0}


@each_gate
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 4)], ids=["binary", "graded"])
def test_on_counts_the_maximum_of_events_is_events(op, shape, low, high):
    s = np.maximum(spikes(shape, high=high) + low * spikes(shape, seed=1), low)
    passed = as_rate_domain(op, s)
    np.testing.assert_allclose(passed, np.rint(passed), atol=1e-9)
    assert passed.min() > low - 1e-9
    assert passed.max() < high + 1e-9


@each_gate
def test_a_gate_is_off_by_an_event_each_time_an_earlier_member_draws_level(op, shape):
    s = spikes(shape)
    excess = as_gate(op, s) - np.rint(as_rate_domain(op, s))
    assert set(np.unique(excess)) == {0.0, 1.0}


def test_two_members_that_lead_in_turn_double_the_rate_however_long():
    """What makes the gate approximate: an equal rate in opposite phase, which counts see through."""
    s = np.zeros((1000, 1, 2, 1))
    s[1::2, 0, 0], s[0::2, 0, 1] = 1.0, 1.0
    op = MaxPool(pool_size=(2,), strides=(2,), padding=((0, 0),), gate=True)
    assert as_gate(op, s).mean() == 1.0
    assert as_rate_domain(op, s).mean() == pytest.approx(0.5)


def test_the_first_of_sums_that_differ_by_rounding_wins():
    s = np.zeros((4, 1, 2, 1))
    s[:, 0, 0, 0] = [0.3, 0.0, 0.0, 0.0]
    s[:, 0, 1, 0] = [0.1, 0.1, 0.1, 0.0]  # 0.30000000000000004
    op = MaxPool(pool_size=(2,), strides=(2,), padding=((0, 0),), gate=True)
    assert as_gate(op, s)[:, 0, 0, 0].tolist() == [0.3, 0.0, 0.0, 0.0]


def pooled_between_neurons(pool: Op, preset: str, shape: tuple[int, ...]) -> Graph:
    """Neurons, a pool, neurons; the map of the pool is made of an image by Reshape."""
    neurons = PRESETS[preset].neurons
    first = neurons(np.full(3, 0.9, np.float32), np.ones(3, np.float32))
    last = neurons(np.full(2, 1.3, np.float32), np.ones(2, np.float32))
    return graph_of(
        node("x", Input(shape=(4, 6, 2))),
        node("c", conv(2, 3), "x"),
        node("first", first, "c"),
        node("map", Reshape(shape=shape), "first"),
        node("pool", pool, "map"),
        node("back", Reshape(shape=(2, 3, 3)), "pool"),
        node("c2", conv(3, 2), "back"),
        node("last", last, "c2"),
        node("y", OUTPUT, "last"),
    )


SQUARE = {"pool_size": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
POOLS = {
    "on counts": (MaxPool(**SQUARE), (4, 6, 3)),
    "a gate": (MaxPool(**SQUARE, gate=True), (4, 6, 3)),
    "a gate over time": (OverTime(op=MaxPool(pool_size=(4,), strides=(4,), padding=((1, 1),), gate=True)), (3, 8, 3)),
}


@pytest.mark.parametrize("preset", ["binary", "graded"])
@pytest.mark.parametrize(("pool", "shape"), POOLS.values(), ids=POOLS)
def test_both_simulators_send_the_same_events(pool, shape, preset):
    graph = pooled_between_neurons(pool, preset, shape)
    x = random(3, 4, 6, 2)
    names = ("first", "last")
    cpu, nengo = (b.deploy(graph).run([x], STEPS, record=names) for b in (CpuBackend(), NengoBackend()))
    for name in names:
        assert np.array_equal(cpu.events[name], nengo.events[name])
    assert cpu.events["last"].any()
    np.testing.assert_allclose(cpu.outputs_over_time["y"], nengo.outputs_over_time["y"], atol=1e-5)


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """Models by where their max pooling stands."""
    keras.utils.set_random_seed(0)

    def ends(x: Any, y: Any) -> keras.Model:
        return keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))

    x = keras.Input((8, 8, 2))
    relu = layers.Conv2D(4, 3, activation="relu", name="c")(x)
    pooled = layers.MaxPooling2D(name="pool")(relu)
    second = layers.Conv2D(4, 3, activation="relu", name="d")(x)
    norm = layers.BatchNormalization(name="norm")(relu)
    return {
        "relu": ends(x, pooled),
        "relu read by others": ends(x, layers.Concatenate()([pooled, layers.AveragePooling2D(2)(relu)])),
        "branches": ends(x, layers.MaxPooling2D(name="pool")(layers.Concatenate()([relu, second]))),
        "normalised relu": ends(x, layers.MaxPooling2D(name="pool")(norm)),
        "leaky": ends(x, layers.MaxPooling2D(name="pool")(layers.LeakyReLU()(layers.Conv2D(4, 3)(x)))),
        "global": ends(x, layers.GlobalMaxPooling2D(name="pool")(relu)),
        "no relu": ends(x, layers.MaxPooling2D(name="pool")(layers.Conv2D(4, 3)(relu))),
    }


MOVED, COUNTS, HOST, GATE = "max-pool-before-neurons", "max-pool-counts", "max-pool-host", "max-pool-gate"
CODES = {
    "relu": (MOVED, COUNTS),
    "relu read by others": (COUNTS, COUNTS),
    "branches": (MOVED, COUNTS),
    "normalised relu": (MOVED, HOST),
    "leaky": (MOVED, HOST),
    "global": (MOVED, COUNTS),
    "no relu": (HOST, HOST),
}


@pytest.mark.parametrize("name", CODES)
def test_the_report_says_which_form_was_taken_and_what_it_costs(models, name, tmp_path):
    x = random(16, 8, 8, 2)
    expected = models[name].predict(x, verbose=0)
    for max_pool, code in zip(("auto", "rate", "gate"), (*CODES[name], GATE), strict=True):
        net = spikeport.convert(models[name], x, target_steps=8, max_pool=max_pool, neurons="binary")
        (entry,) = (e for e in net.report.layers if e.layer == "pool")
        assert entry.code == code
        assert "% of the range after 8 steps" in entry.figures["pooling_error"]
        np.testing.assert_allclose(net.run(x, spiking=False).output, expected, atol=1e-4)
        if code == GATE:
            net.save(tmp_path / "net.h5")
            again = spikeport.load(tmp_path / "net.h5")
            assert str(again.report) == str(net.report)
            assert np.array_equal(again.run(x, 8).output, net.run(x, 8).output)


@pytest.mark.parametrize("name", CODES)
def test_all_but_the_gate_go_to_the_model_as_the_steps_grow(models, name):
    x = random(8, 8, 8, 2)
    expected = models[name].predict(x, verbose=0)
    for max_pool in ("auto", "rate"):
        net = spikeport.convert(models[name], x, max_pool=max_pool)
        errors = [np.abs(net.run(x, n).output - expected).mean() / np.ptp(expected) for n in (8, 512)]
        assert errors[1] < 0.004
        assert errors[1] < errors[0]


def test_an_unknown_form_is_refused(models):
    with pytest.raises(UsageError, match="expected max_pool out of auto, rate, gate, received 'max'"):
        spikeport.convert(models["relu"], max_pool="max")


def test_a_real_network_pools_values_that_are_not_relus():
    report, _ = spikeport.check(model_path("48"))
    assert [e.code for e in report.layers if e.layer_type == "MaxPooling2D"] == [HOST] * 3
