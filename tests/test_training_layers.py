"""The layers: the same steps as the definition of the neuron, gradients that are right, on every Keras backend."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from keras_gradients import BATCH, CASES, STEPS, UNITS, gradients, loss_of, model_of, samples
from spikeport import training
from spikeport.converter.ops import Neurons
from spikeport.errors import UsageError
from spikeport.training.dynamics import tie_of
from spikeport.training.layers.time_axis import over_time

each_case = pytest.mark.parametrize("name", CASES)


def current(steps: int = 40, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.4, 1.0, (2, steps, 3))


# a layer, and the population that it is
TWINS = {
    "leaky": (training.Leaky(0.8, threshold=0.7, dtype="float64"), {"tau_rc": -0.001 / np.log(0.8)}, 0.7),
    "no leak": (training.Leaky(1.0, initial_voltage=0.5, dtype="float64"), {"initial_voltage": 0.5}, 1.0),
    "zero": (
        training.Leaky(0.9, reset="zero", dtype="float64"),
        {"reset": "zero", "tau_rc": -0.001 / np.log(0.9)},
        1.0,
    ),
    "lif": (
        training.LIF(0.02, 0.002, threshold=0.5, dtype="float64"),
        {"reset": "zero", "v_min": 0.0, "tau_rc": 0.02, "tau_ref": 0.002},
        0.5,
    ),
    "adaptive": (
        training.AdaptiveLIF(tau_n=0.1, inc_n=0.05, dtype="float64"),
        {"reset": "zero", "v_min": 0.0, "tau_rc": 0.02, "tau_ref": 0.002, "tau_n": 0.1, "inc_n": 0.05},
        1.0,
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_layer_sends_the_spikes_of_the_population_that_it_is(name):
    layer, fields, threshold = TWINS[name]
    z = current()
    op = Neurons(threshold=np.full(3, threshold), scale=np.ones(3), **{"initial_voltage": 0.0, **fields})
    expected = []
    for sample in z:
        state = op.start((3,))
        expected.append([op.step(state, row / threshold) for row in sample])
    sent = ops.convert_to_numpy(layer(z))
    assert np.array_equal(sent, expected)
    assert 0.02 < sent.mean() < 0.98


def test_a_recurrent_layer_hears_its_spikes_one_step_later():
    layer = training.RecurrentLIF(0.5, dtype="float64")
    layer.build((None, None, 3))
    kernel = np.array([[0, 2.0, 0], [0, 0, 2.0], [0, 0, 0]])
    layer.recurrent_kernel.assign(kernel)
    z = np.zeros((1, 4, 3))
    z[0, 0, 0] = 1
    sent = ops.convert_to_numpy(layer(z))[0]
    assert np.array_equal(sent[:3], np.eye(3))
    # neuron 1 is left with 1.0 after its spike, 0.5 of which is there a step later
    assert np.array_equal(sent[3], [0, 0, 0])


def test_a_synapse_sums_up_currents():
    layer = training.CubaLIF(0.5, 1.0, threshold=100.0, dtype="float64", return_state=True)
    _, voltage, synapse = layer(np.ones((1, 3, 1)))
    assert float(synapse[0, 0]) * 100 == pytest.approx(1.75)
    assert float(voltage[0, 0]) * 100 == pytest.approx(1 + 1.5 + 1.75)


def test_filters_are_exact_for_constant_inputs():
    t, tau = np.arange(1, 31) * 0.001, 0.004
    ones = np.ones((1, 30, 2))
    low = ops.convert_to_numpy(training.Lowpass(tau, dtype="float64")(ones))[0, :, 1]
    assert np.allclose(low, 1 - np.exp(-t / tau), atol=1e-9)
    alpha = ops.convert_to_numpy(training.Alpha(tau, dtype="float64")(ones))[0, :, 1]
    assert np.allclose(alpha, 1 - (1 + t / tau) * np.exp(-t / tau), atol=1e-9)


@pytest.mark.parametrize("kind", [training.Lowpass, training.Alpha])
def test_filters_are_those_of_nengo(kind):
    import nengo

    x = current(25)[0, :, :1]
    synapse = {training.Lowpass: nengo.Lowpass, training.Alpha: nengo.Alpha}[kind](0.005)
    expected = synapse.filt(x, dt=0.001, y0=0)
    found = ops.convert_to_numpy(kind(0.005, dtype="float64")(x[None]))[0]
    assert np.allclose(found, expected, atol=1e-6)


def test_a_filter_can_be_left_out_of_training():
    x = current(5).astype(np.float32)
    layer = training.Lowpass(0.01, apply_during_training=False)
    assert np.array_equal(ops.convert_to_numpy(layer(x, training=True)), x)
    assert not np.array_equal(ops.convert_to_numpy(layer(x)), x)


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu"])
def test_the_rate_of_the_spikes_is_the_activation(activation):
    x = np.repeat(current(1, seed=5), 200, axis=1)
    layer = training.SpikingActivation(activation, dt=0.3, seed=0, dtype="float64")
    sent = ops.convert_to_numpy(layer(x))
    rate = ops.convert_to_numpy(keras.activations.get(activation)(x))
    assert np.abs(sent.mean(axis=1) - rate[:, 0]).max() <= 1 / (0.3 * 200)
    assert np.allclose(sent * 0.3, np.round(sent * 0.3))
    unaware = training.SpikingActivation(activation, spiking_aware_training=False)
    assert np.allclose(ops.convert_to_numpy(unaware(x, training=True)), rate, atol=1e-6)


def test_the_voltages_of_spiking_activations_start_at_random_or_where_they_are_told():
    x = np.full((400, 1, 1), 0.5, np.float32)
    drawn = ops.convert_to_numpy(training.SpikingActivation("relu", dt=1.0, seed=1)(x))
    assert 0.4 < drawn.mean() < 0.6
    for start, sent in ((0.6, 1.0), (0.4, 0.0), (np.array([0.6]), 1.0)):
        layer = training.SpikingActivation("relu", dt=1.0, initial_state=start)
        assert np.all(ops.convert_to_numpy(layer(x)) == sent)


def test_dt_follows_its_schedule():
    dt = keras.Variable(1.0, trainable=False)
    inputs = keras.Input((None, 2))
    hidden = keras.layers.Dense(2, kernel_initializer="identity")(inputs)
    model = keras.Model(inputs, training.SpikingActivation("relu", dt=dt, initial_state=0.0)(hidden))
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(float(dt)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.ones((4, 5, 2), np.float32)
    schedule = training.DtScheduler(dt, lambda epoch: 1.0 / 2**epoch)
    model.fit(x, x, epochs=3, verbose=0, callbacks=[schedule, watch])
    assert seen == [1.0, 0.5, 0.25]
    assert np.array_equal(np.unique(np.asarray(model(x))), [0.0, 4.0])
    with pytest.raises(UsageError, match="above 0, received 0"):
        model.fit(x, x, verbose=0, callbacks=[training.DtScheduler(dt, lambda epoch: 0)])
    with pytest.raises(UsageError, match=r"keras\.Variable"):
        training.DtScheduler(0.001, lambda epoch: 1.0)


@each_case
def test_a_missing_time_axis_is_named(name):
    layer = CASES[name]()
    with pytest.raises(UsageError, match=rf"{layer.name} .*\(None, 7\), which has no time axis.*return_sequences=True"):
        layer(keras.Input((7,)))


@each_case
def test_layers_survive_saving(name, tmp_path):
    model = model_of(CASES[name])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    configs = [m.layers[2].get_config() for m in (loaded, model)]
    for config in configs:
        config.pop("layers", None)  # how Keras writes layers inside depends on whether they are built
    assert configs[0] == configs[1]
    assert np.array_equal(ops.convert_to_numpy(loaded(samples())), ops.convert_to_numpy(model(samples())))


@each_case
def test_the_last_step_and_the_state(name):
    layer = CASES[name]()
    x = samples()
    whole = ops.convert_to_numpy(layer(x))
    assert whole.shape == (BATCH, STEPS, UNITS)
    again = type(layer).from_config({**layer.get_config(), "return_sequences": False, "return_state": True})
    symbolic = again(keras.Input((None, UNITS)))
    assert [tuple(t.shape) for t in symbolic] == [(None, UNITS)] * len(symbolic)
    again.set_weights(layer.get_weights())
    last, *state = again(x)
    assert np.allclose(ops.convert_to_numpy(last), whole[:, -1])
    assert all(tuple(s.shape) == (BATCH, UNITS) for s in state)
    if name != "spiking-activation":
        halves = [layer(x[:, :4])]
        layer.return_state = True
        _, *between = layer(x[:, :4])
        layer.return_state = False
        halves.append(layer(x[:, 4:], initial_state=between))
        assert np.allclose(np.concatenate([ops.convert_to_numpy(h) for h in halves], axis=1), whole, atol=1e-6)


def test_a_stateful_layer_goes_on_where_it_ended():
    x = samples()
    plain, stateful = training.Leaky(0.8), training.Leaky(0.8, stateful=True)
    whole = ops.convert_to_numpy(plain(x))
    parts = [ops.convert_to_numpy(stateful(part)) for part in (x[:, :4], x[:, 4:])]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    stateful.reset_state()
    assert np.array_equal(ops.convert_to_numpy(stateful(x[:, :4])), whole[:, :4])
    with pytest.raises(UsageError, match="fixed batch size"):
        training.Leaky(stateful=True)(keras.Input((None, 3)))


@pytest.mark.parametrize("name", [n for n in CASES if n != "spiking-activation"])
def test_time_can_be_the_first_axis(name):
    layer, x = CASES[name](), samples()
    whole = ops.convert_to_numpy(layer(x))
    turned = type(layer).from_config({**layer.get_config(), "time_major": True})
    swap = training.SwapBatchAndTime()
    symbolic = turned(swap(keras.Input((STEPS, UNITS))))
    assert tuple(symbolic.shape) == (STEPS, None, UNITS)
    turned.set_weights(layer.get_weights())
    assert np.array_equal(ops.convert_to_numpy(swap(turned(swap(x)))), whole)


def test_one_loop_is_its_layers_one_behind_the_other():
    keras.utils.set_random_seed(0)
    parts = [
        keras.layers.Dense(6),
        training.RecurrentLIF(0.8),
        keras.layers.Dense(2),
        training.LeakyIntegrator(0.8),
    ]
    looped = training.InOneLoop(parts, return_state=True)
    output, *state = looped(samples())
    x = samples()
    for part in parts:
        x = part(x)
    np.testing.assert_allclose(ops.convert_to_numpy(output), ops.convert_to_numpy(x), atol=1e-5)
    assert [tuple(s.shape) for s in state] == [(BATCH, 6), (BATCH, 6), (BATCH, 2)]
    symbolic = looped(keras.Input((None, UNITS)))
    assert [tuple(s.shape) for s in symbolic] == [(None, None, 2), (None, 6), (None, 6), (None, 2)]
    with pytest.raises(UsageError, match="return sequences"):
        training.InOneLoop([training.Leaky(return_sequences=False)])


@pytest.mark.parametrize("unroll", [True, False, 3])
def test_loops_and_copies_give_the_same(unroll):
    def step(x, state):
        return x + state[0], (x * 0.5,)

    x = current(7)
    expected = x + np.concatenate([np.zeros((2, 1, 3)), 0.5 * x[:, :-1]], axis=1)
    output, state = over_time(step, ops.convert_to_tensor(x), (ops.zeros((2, 3), "float64"),), unroll)
    assert np.allclose(ops.convert_to_numpy(output), expected)
    assert np.allclose(ops.convert_to_numpy(state[0]), 0.5 * x[:, -1])


def test_a_layer_at_each_step_and_samples_at_each_step():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype(np.float32)
    repeated = training.RepeatOverTime(3)(x)
    assert np.array_equal(ops.convert_to_numpy(repeated), np.repeat(x[:, None], 3, axis=1))
    inner = keras.layers.Conv2D(4, 3)
    found = ops.convert_to_numpy(training.EachStep(inner)(repeated))
    assert np.allclose(found[:, 2], ops.convert_to_numpy(inner(x)), atol=1e-5)
    symbolic = training.EachStep(keras.layers.Dropout(0.5))(keras.Input((None, 4)))
    assert tuple(symbolic.shape) == (None, None, 4)
    with pytest.raises(UsageError, match="no time axis"):
        training.EachStep(keras.layers.Dense(3))(keras.Input((7,)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: training.Leaky(reset="never"), "reset out of subtract, zero"),
        (lambda: training.Leaky(surrogate="square"), "surrogate out of"),
        (lambda: training.LIF(tau_rc=0.0), "tau_rc above 0"),
        (lambda: training.AdaptiveLIF(tau_n=-1.0), "tau_n above 0"),
        (lambda: training.SpikingActivation("relu", dt=0.0), "dt in seconds, above 0"),
        (lambda: training.RepeatOverTime(0), "at least 1 step"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


# ------------------------------------------------------------------ gradients

SMOOTH = ["leaky-through-reset", "cuba", "recurrent", "integrator", "lowpass", "alpha"]


def smooth_twin(name: str):
    """A layer whose forward pass is the surrogate itself: then gradients are those of what it computes."""
    layer = CASES[name]()
    config = layer.get_config()
    if "surrogate" not in config:
        return type(layer).from_config(config)

    class Smooth(type(layer)):
        def base_rule(self, **more):
            smooth = training.SURROGATES[self.surrogate]
            from dataclasses import replace

            return replace(super().base_rule(**more), fire=lambda v: smooth(v - 1.0, self.slope))

    return Smooth.from_config({**config, "detach_reset": False})


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_the_finite_differences_of_the_smoothed_function(name):
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        model = model_of(lambda: smooth_twin(name))
        x = samples()
        found = gradients(model, x)
        for weight, gradient in zip(model.trainable_weights, found, strict=True):
            value, rng = ops.convert_to_numpy(weight.value).copy(), np.random.default_rng(6)
            for _ in range(2):
                direction = rng.normal(size=value.shape)
                sides = []
                for step in (1e-6, -1e-6):
                    weight.assign(value + step * direction)
                    sides.append(float(loss_of(model(x, training=True))))
                weight.assign(value)
                slope = (sides[0] - sides[1]) / 2e-6
                assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-4, abs=1e-6), weight.name
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


@pytest.mark.parametrize("detach", [True, False])
def test_the_gradient_of_spikes_is_the_one_written_by_hand(detach):
    """Back through time by hand: ds/dv is the surrogate's derivative, dv/dv before is β, less what the reset takes."""
    beta, slope = 0.8, 3.0
    z = current(12)
    g = np.cos(np.arange(z.size)).reshape(z.shape)
    v, sent, voltages = np.zeros((2, 3)), [], []
    for t in range(12):
        v = beta * v + z[:, t]
        s = (v >= 1 - tie_of("float64")).astype(float)
        voltages.append(v - 1)
        sent.append(s)
        v = v - s
    expected, back = np.zeros_like(z), np.zeros((2, 3))
    for t in range(11, -1, -1):
        derivative = 1 / (1 + slope * np.abs(voltages[t])) ** 2
        back = g[:, t] * derivative + back * beta * (1 if detach else 1 - derivative)
        expected[:, t] = back
    inputs = keras.Input((12, 3), dtype="float64")
    shift = keras.layers.EinsumDense("bti,ti->bti", (12, 3), kernel_initializer="ones", dtype="float64")
    layer = training.Leaky(beta, slope=slope, detach_reset=detach, dtype="float64")
    model = keras.Model(inputs, layer(shift(inputs)))
    assert np.array_equal(ops.convert_to_numpy(model(z)), np.stack(sent, axis=1))
    (found,) = gradients(model, z, lambda y: ops.sum(y * g))
    assert np.allclose(found, (expected * z).sum(axis=0), atol=1e-6)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_keras_backends_agree(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    outs = {}
    for place in ("tensorflow", backend):
        out = tmp_path / f"{place}.npz"
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("keras_gradients.py")), str(out)],
            env={**os.environ, "KERAS_BACKEND": place},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr[-2000:]
        outs[place] = dict(np.load(out))
    assert set(outs["tensorflow"]) == set(outs[backend])
    for name, value in outs["tensorflow"].items():
        np.testing.assert_allclose(outs[backend][name], value, rtol=2e-4, atol=2e-5, err_msg=name)
