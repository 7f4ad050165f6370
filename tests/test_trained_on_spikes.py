"""Models that were trained on spikes: converted, they send the same spikes on cpu and nengo as in Keras."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import layers, ops

import spikeport
from spikeport import training
from spikeport.errors import BackendError, ConversionError, UsageError

STEPS = 12


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    """Keras computes as the other backends do; weights are float32 numbers, as files hold them."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def spread(low: float, high: float):
    return keras.initializers.RandomUniform(low, high, seed=1)


def trained_filter(kind) -> keras.layers.Layer:
    """With a time constant and an initial level of its own for each value, as training leaves them."""
    return kind(spread(0.001, 0.02), level_initializer=spread(-0.3, 0.5))


SEQUENCES = {
    "leaky": lambda: [training.Leaky(0.8, threshold=0.6, name="spikes")],
    "leaky-each": lambda: [training.Leaky(spread(0.5, 0.9), threshold=spread(0.4, 1.0), name="spikes")],
    "no-leak": lambda: [training.Leaky(1.0, initial_voltage=0.5, reset="zero", name="spikes")],
    "lif": lambda: [training.LIF(0.02, 0.002, threshold=0.7, name="spikes")],
    "lif-each": lambda: [training.LIF(spread(-4.0, -3.5), name="spikes")],
    "adaptive": lambda: [training.AdaptiveLIF(tau_n=0.05, inc_n=0.03, name="spikes")],
    "adaptive-each": lambda: [training.AdaptiveLIF(tau_rc=spread(-4.0, -3.5), tau_n=0.05, inc_n=0.03, name="spikes")],
    "slow-steps": lambda: [training.AdaptiveLIF(dt=0.002, tau_n=0.05, inc_n=0.03, name="spikes")],
    "cuba": lambda: [training.CubaLIF(0.5, 0.8, name="spikes")],
    "recurrent": lambda: [training.RecurrentLIF(0.8, name="spikes")],
    "filtered": lambda: [training.Leaky(0.8, name="spikes"), training.Lowpass(0.004)],
    "lowpass-trained": lambda: [training.Leaky(0.8, name="spikes"), trained_filter(training.Lowpass)],
    "alpha": lambda: [training.Leaky(0.8, name="spikes"), training.Alpha(0.004)],
    "alpha-trained": lambda: [training.Leaky(0.8, name="spikes"), trained_filter(training.Alpha)],
    "alpha before": lambda: [training.Alpha(0.002), training.Leaky(0.8, name="spikes")],
    "alpha-at-once": lambda: [training.Leaky(0.8, name="spikes"), training.Alpha(1e-9)],
    "softplus": lambda: [training.SpikingActivation("softplus", dt=0.25, initial_state=0.25, name="spikes")],
    "sigmoid": lambda: [training.SpikingActivation("sigmoid", dt=0.5, initial_state=0.5, name="spikes")],
    "activation-each": lambda: [
        training.SpikingActivation("relu", dt=0.5, initial_state=np.linspace(0, 0.9, 6), name="spikes")
    ],
    "activation": lambda: [training.SpikingActivation("relu", dt=0.5, initial_state=0.5, name="spikes")],
    "relu before": lambda: [layers.ReLU(), training.Leaky(0.8, name="spikes")],
}


def rounded(model: keras.Model) -> keras.Model:
    for weight in model.weights:
        if "seed" not in weight.name:
            weight.assign(ops.convert_to_numpy(weight).astype(np.float32))
    return model


def sequence_model(name: str) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((STEPS, 5))
    x = layers.Dense(6, kernel_initializer=spread(-0.3, 0.8), bias_initializer=spread(0, 0.2))(inputs)
    for layer in SEQUENCES[name]():
        x = layer(x)
    x = training.LeakyIntegrator(0.9, name="read")(layers.Dense(2)(x))
    return rounded(keras.Model(inputs, x))


def samples() -> np.ndarray:
    return np.random.default_rng(0).random((4, STEPS, 5)).astype(np.float32)


def spikes_of(model: keras.Model, x: np.ndarray, name: str = "spikes") -> np.ndarray:
    return ops.convert_to_numpy(keras.Model(model.input, model.get_layer(name).output)(x))


def population(net: spikeport.SpikingNetwork, layer: str = "spikes") -> str:
    from spikeport.converter.ops import is_population

    return next(n.name for n in net.graph.nodes.values() if is_population(n.op) and layer in n.layers)


def assert_same_spikes(model: keras.Model, source: object, x: np.ndarray, layer: str = "spikes") -> None:
    net = spikeport.convert(source)
    expected = spikes_of(model, x, layer)
    expected = np.rint(expected / expected.max()) if expected.max() > 0 else expected
    output = ops.convert_to_numpy(model(x))
    for backend in ("cpu", "nengo", "keras"):
        options = {"dtype": "float64"} if backend == "keras" else {}
        result = net.run(x, backend=backend, record=[population(net, layer)], **options)
        assert np.array_equal(result.events[population(net, layer)], expected), backend
        assert np.array_equal(
            result.spike_counts[population(net, layer)], (expected != 0).sum(axis=tuple(range(1, expected.ndim)))
        )
        means = np.cumsum(output, axis=1) / np.arange(1, output.shape[1] + 1)[None, :, None]
        np.testing.assert_allclose(next(iter(result.outputs_over_time.values())), means, atol=1e-5)
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize("kind", ["live", ".keras", ".h5"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_each_layer_sends_the_spikes_that_keras_sends(name, kind, tmp_path):
    model = sequence_model(name)
    source: object = model
    if kind != "live":
        source = tmp_path / f"model{kind}"
        model.save(source)
    assert_same_spikes(model, source, samples())


def image_model() -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 1))
    positive = {"kernel_initializer": spread(-0.3, 0.7)}
    x = layers.MaxPooling2D(2)(layers.Conv2D(3, 3, **positive)(image))
    x = training.Leaky(0.5, name="first")(training.RepeatOverTime(STEPS)(x))
    x = training.EachStep(layers.Conv2D(4, 2, **positive))(x)
    x = training.Leaky(0.5, name="spikes")(training.EachStep(layers.MaxPooling2D(2))(x))
    x = layers.Dense(3, **positive)(layers.Reshape((STEPS, -1))(x))
    return rounded(keras.Model(image, training.Leaky(0.5, name="classes")(x)))


@pytest.mark.parametrize("kind", ["live", ".keras"])
def test_images_that_are_presented_over_time(kind, tmp_path):
    """The shape of snnTorch's tutorial 6: what is constant, and pooling at each step."""
    model = image_model()
    source: object = model
    if kind != "live":
        source = tmp_path / "model.keras"
        model.save(source)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    assert_same_spikes(model, source, x)
    net = spikeport.convert(source)
    assert net.target_steps == STEPS
    score = spikeport.evaluate(net, x, np.array([0, 1, 2]))
    assert score.keras_accuracy is None
    assert score.spikes_per_sample > 0


@pytest.mark.parametrize("kind", [training.Lowpass, training.Alpha])
def test_filters_behind_maps(kind):
    """One time constant and level for each value of a map, not for each channel."""
    inputs = keras.Input((STEPS, 4, 4, 2))
    x = training.Leaky(0.8, name="spikes")(inputs)
    x = trained_filter(kind)(training.EachStep(layers.Conv2D(3, 2))(x))
    model = rounded(keras.Model(inputs, layers.Dense(2)(layers.Reshape((STEPS, -1))(x))))
    assert_same_spikes(model, model, np.random.default_rng(0).random((3, STEPS, 4, 4, 2), np.float32))


def looped_model() -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((STEPS, 5))
    loop = training.InOneLoop(
        [
            layers.Dense(6, kernel_initializer=spread(-0.3, 0.8)),
            training.RecurrentLIF(0.8, name="spikes"),
            layers.Dense(2),
            training.LeakyIntegrator(0.9),
        ]
    )
    return rounded(keras.Model(inputs, loop(inputs)))


@pytest.mark.parametrize("kind", ["live", ".keras"])
def test_one_loop_becomes_its_layers(kind, tmp_path):
    model, x = looped_model(), samples()
    model.save(tmp_path / "model.keras")
    net = spikeport.convert(model if kind == "live" else tmp_path / "model.keras")
    output = ops.convert_to_numpy(model(x))
    for backend in ("cpu", "nengo", "keras"):
        np.testing.assert_allclose(net.run(x, backend=backend).output, output.mean(axis=1), atol=1e-5)


def test_a_trained_network_is_saved_and_run_in_parts(tmp_path):
    model, x = sequence_model("recurrent"), samples()
    net = spikeport.convert(model)
    net.save(tmp_path / "net.h5")
    again = spikeport.load(tmp_path / "net.h5")
    assert np.array_equal(again.run(x).output, net.run(x).output)
    assert np.array_equal(net.run(x, memory=30_000).output, net.run(x).output)
    assert np.array_equal(net.run(x, 5).output, net.run(x[:, :5]).output)


@pytest.mark.parametrize("name", ["recurrent", "cuba", "alpha-trained", "adaptive-each", "leaky"])
def test_a_trained_network_is_trained_on_saved_and_taken_back(name, tmp_path):
    net, x = spikeport.convert(sequence_model(name)), samples()
    model = net.to_keras(gradient="arctan", slope=2.0, sequences=True)
    np.testing.assert_allclose(ops.convert_to_numpy(model(x)), net.run(x).output, atol=1e-5)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    before = [w.numpy() for w in model.trainable_weights]
    model.fit(x, np.zeros((len(x), 2)), epochs=2, verbose=0)
    assert all(np.any(w.numpy() != old) for w, old in zip(model.trainable_weights, before))
    assert ("recurrent" in {w.name for w in model.trainable_weights}) == (name == "recurrent")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    expected = ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(ops.convert_to_numpy(again(x)), expected, atol=1e-9)
    np.testing.assert_allclose(net.update(model).run(x).output, expected, atol=1e-4)


def test_the_report_says_what_became_of_it():
    report = spikeport.convert(image_model()).report
    codes = {entry.layer: entry.code for entry in report.layers}
    assert codes["spikes"] == "trained-neurons"
    assert "each-step" in codes.values()
    assert "trained-on-spikes" in [note.code for note in report.notes]
    codes = [entry.code for entry in spikeport.convert(sequence_model("recurrent")).report.layers]
    assert "trained-state" in codes


def test_it_has_no_rates_and_goes_where_it_can():
    net, x = spikeport.convert(sequence_model("recurrent")), samples()
    with pytest.raises(UsageError, match="no rate network"):
        net.run(x, spiking=False)
    with pytest.raises(BackendError, match="trained on spikes"):
        net.to_keras(quantised=True)
    refused = [v.why for v in spikeport.BACKENDS["loihi"].check(net.graph) if v.refused]
    assert refused


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: layers.Flatten(), "put it into training.EachStep"),
        (lambda: training.Leaky(return_sequences=False, name="last"), "return_sequences=False"),
        (lambda: training.SpikingActivation("tanh", initial_state=0.5), "activation='tanh'; takes relu, relu6"),
        (lambda: training.SpikingActivation("relu"), "initial_state=None; takes a number.*layer.initial_state = 0.5"),
        (lambda: layers.LSTM(3, return_sequences=True), "put it into training.EachStep"),
    ],
)
def test_what_has_no_place_is_refused_with_the_remedy(layer, words):
    inputs = keras.Input((STEPS, 5))
    x = layer()(training.Leaky(0.8)(inputs))
    with pytest.raises(ConversionError, match=words):
        spikeport.convert(keras.Model(inputs, x))
