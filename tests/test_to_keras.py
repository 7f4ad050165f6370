"""to_keras: the events of the cpu backend, gradients that train it, and the way back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
from keras import ops

import spikeport
from neuron_cases import one_population, population
from op_cases import CASES, graph_of
from spikeport.backends.cpu.backend import CpuBackend
from spikeport.backends.keras.model import keras_model, trained_graph
from spikeport.converter.spiking import PRESETS
from spikeport.errors import BackendError, UsageError

STEPS = 7
FIXED = [name for name, preset in PRESETS.items() if not preset.variant.get("noise")]


def small_model() -> keras.Model:
    keras.utils.set_random_seed(1)
    image = keras.Input((7, 7, 2))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(6, 2, padding="same", activation="relu", name="second")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="out")(x))


def images(count: int = 20) -> np.ndarray:
    return np.random.default_rng(0).random((count, 7, 7, 2), np.float32)


@cache
def converted(neurons: str = "graded") -> spikeport.SpikingNetwork:
    return spikeport.convert(small_model(), images(), target_steps=STEPS, neurons=neurons)


def populations(net: spikeport.SpikingNetwork) -> list[str]:
    return [node.name for node in net.graph.nodes.values() if node.op.kind == "Neurons"]


def assert_same_events(net: spikeport.SpikingNetwork, x: np.ndarray, **options) -> None:
    names = populations(net)
    expected = net.run(x, STEPS, record=names)
    model = net.to_keras(STEPS, record=names, dtype="float64", every_step=True, **options)
    found = {name: ops.convert_to_numpy(y) for name, y in model(x).items()}
    for name in names:
        theta = net.graph.nodes[name].op.threshold_of(net.graph.nodes[name].shape)
        sent = np.rint(found[name].reshape(len(x), STEPS, -1) / theta)
        assert np.array_equal(sent, expected.events[name].reshape(sent.shape)), name
        assert np.count_nonzero(sent)
    for name, values in expected.outputs_over_time.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6)


@pytest.mark.parametrize(("neurons", "gradient"), [*((neurons, "rate") for neurons in FIXED), ("graded", "triangular")])
def test_the_events_are_those_of_the_cpu_backend(neurons, gradient):
    assert_same_events(converted(neurons), images(5), gradient=gradient)


def test_sequences_are_run_as_they_are():
    net = converted()
    x = np.random.default_rng(3).random((4, STEPS, 7, 7, 2), np.float32)
    assert_same_events(net, x, sequences=True)


def test_in_float32_it_is_equal_to_rounding():
    net, x = converted(), images(8)
    model = net.to_keras()
    assert np.abs(model.predict(x, verbose=0) - net.run(x).output).max() < 0.02
    assert np.abs(model.predict(x, verbose=0) - net.run(x).output).mean() < 1e-4


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")  # of size 1, in the case of Reduce
@pytest.mark.parametrize("case", [c for c in CASES if c[0].kind != "HostLayer"], ids=lambda case: case[0].kind)
def test_every_op_has_its_counterpart(case):
    """A network around each kind of op, at every step, beside the cpu backend."""
    op, shapes = case
    graph = graph_of(op, shapes)
    if getattr(op, "random", False):
        with pytest.raises(BackendError, match="no random numbers"):
            keras_model(graph, STEPS)
        return
    rng = np.random.default_rng(5)
    samples = [rng.uniform(-0.2, 1.0, (3, *node.shape)).astype(np.float32) for node in graph.inputs]
    expected = CpuBackend().deploy(graph).run(samples, STEPS).outputs_over_time["op"]
    model = keras_model(graph, STEPS, dtype="float64", every_step=True)
    found = ops.convert_to_numpy(model(samples if len(samples) > 1 else samples[0]))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    again = trained_graph(graph, model)
    assert [n.op.kind for n in again.nodes.values()] == [n.op.kind for n in graph.nodes.values()]
    same = CpuBackend().deploy(again).run(samples, STEPS).outputs_over_time["op"]
    np.testing.assert_allclose(same, expected, atol=1e-6)


def test_a_host_layer_is_the_keras_layer_that_it_is():
    keras.utils.set_random_seed(2)
    inputs = keras.Input((4, 3))
    hidden = keras.layers.Dense(5, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Attention(use_scale=True, name="attention")([hidden, hidden]))
    x = np.random.default_rng(1).normal(size=(3, 4, 3)).astype(np.float32)
    net = spikeport.convert(model, x, target_steps=STEPS)
    found = net.to_keras()
    np.testing.assert_allclose(ops.convert_to_numpy(found(x)), net.run(x).output, atol=1e-4)
    found.get_layer("attention").trainable_weights[0].assign(3.0)
    tuned = net.update(found)
    np.testing.assert_allclose(tuned.run(x).output, ops.convert_to_numpy(found(x)), atol=1e-4)


@pytest.mark.parametrize("limits", [(0, 1), (-1, 4)])
@pytest.mark.parametrize("gradient", ["rate", "triangular", "sigmoid"])
def test_every_trained_weight_has_a_gradient(limits, gradient):
    graph = one_population(population(limits), (7,))
    model = keras_model(graph, STEPS, gradient=gradient)
    tf = pytest.importorskip("tensorflow")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(np.linspace(-1, 9, 14).reshape(2, 7).astype(np.float32)))
    (found,) = tape.gradient(loss, [w.value for w in model.trainable_weights])
    assert np.all(np.isfinite(found))
    assert np.count_nonzero(found)


@pytest.mark.parametrize("gradient", ["rate", "triangular"])
def test_fine_tuning_lowers_the_loss_and_comes_back(gradient, tmp_path):
    net = converted("binary")
    x, y = images(40), np.arange(40) % 3
    model = net.to_keras(4, gradient=gradient)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=8, batch_size=10, verbose=0).history["loss"]
    assert history[-1] < history[0]
    tuned = net.update(model)
    assert np.abs(tuned.run(x, 4).output - model.predict(x, verbose=0)).mean() < 1e-3
    assert not np.allclose(tuned.run(x, 4).output, net.run(x, 4).output, atol=1e-3)
    before, after = (n.graph.nodes[populations(net)[0]].op.threshold for n in (net, tuned))
    assert not np.array_equal(before, after)
    tuned.save(tmp_path / "tuned.h5")
    again = spikeport.load(tmp_path / "tuned.h5")
    assert again.provenance["fine_tuned"] is True
    assert np.array_equal(again.run(x, 4).output, tuned.run(x, 4).output)


def test_a_model_is_saved_with_its_weights(tmp_path):
    model = converted().to_keras(record=populations(converted())[:1])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = images(4)
    for name, values in model(x).items():
        assert np.array_equal(ops.convert_to_numpy(again(x)[name]), ops.convert_to_numpy(values))


def test_a_model_of_another_network_is_refused():
    net = converted()
    other = replace(net, graph=one_population(population((0, 1)), (7,)))
    with pytest.raises(UsageError, match="made of this network"):
        net.update(other.to_keras(3))


@pytest.mark.parametrize("encoder", [None, "poisson", "delta"])
def test_the_backend_runs_what_the_cpu_backend_runs(encoder):
    net, x = converted(), images(5)
    names = populations(net)
    here = net.run(x, STEPS, backend="keras", encoder=encoder, record=names, dtype="float64", batch=2)
    there = net.run(x, STEPS, backend="cpu", encoder=encoder, record=names)
    for name in names:
        assert np.array_equal(here.events[name], there.events[name])
        assert np.array_equal(here.spike_counts[name], there.spike_counts[name])
    assert np.array_equal(here.synaptic_operations, there.synaptic_operations)
    assert (here.input_events is None) == (there.input_events is None)
    for name, values in there.outputs_over_time.items():
        np.testing.assert_allclose(here.outputs_over_time[name], values, atol=1e-5)


def test_the_backend_refuses_random_neurons_and_unknown_options():
    net = converted("stochastic")
    with pytest.raises(BackendError, match=r"random numbers.*use backend='cpu'"):
        net.run(images(2), backend="keras")
    for options, message in (
        ({"jobs": 1}, "dtype, batch and seed"),
        ({"dtype": "int8"}, "float64"),
        ({"batch": 0}, "batch"),
    ):
        with pytest.raises(UsageError, match=message):
            converted().run(images(2), backend="keras", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 0}, "at least 1 step"),
        ({"record": ["nobody"]}, "received 'nobody'"),
        ({"gradient": "square"}, "surrogate out of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        converted().to_keras(**options)


@pytest.mark.parametrize("limits", [(0, 1), (-1, 4)])
def test_without_time_a_neuron_puts_out_its_mean_over_the_steps(limits):
    graph = one_population(population(limits, initial_voltage=0.3), (7,))
    x = np.random.default_rng(8).normal(0.5, 1.0, (30, 7)).astype(np.float32)
    expected = CpuBackend().deploy(graph).run([x], STEPS).output
    model = keras_model(graph, STEPS, quantised=True, dtype="float64")
    np.testing.assert_allclose(ops.convert_to_numpy(model(x)), expected, atol=1e-6)
    tf = pytest.importorskip("tensorflow")
    z = tf.Variable(x.astype(np.float64))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(z))
    theta = graph.nodes["r"].op.threshold
    assert np.array_equal(tape.gradient(total, z).numpy(), (x > 0) & (x < limits[1] * theta))


def test_without_time_there_are_no_steps_to_put_out():
    with pytest.raises(UsageError, match="quantised=True"):
        converted().to_keras(quantised=True, every_step=True)
    with pytest.raises(BackendError, match="lose no current"):
        converted("lif").to_keras(quantised=True)
