"""Fine-tuning for Loihi: the twin is the chip without rounding, its grids are the chip's, and the chip gets better."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from keras import layers

import spikeport
from real_material import mnist, model_path
from spikeport.backends.keras.model import keras_model
from spikeport.backends.loihi.quantisation import quantise
from spikeport.cli import main
from spikeport.demo.digits import digits_data
from spikeport.errors import BackendError, UsageError
from spikeport.finetuning.chip_twin import chip_twin, untwinned

pytestmark = pytest.mark.skipif(find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed")
STEPS = 6


def spread(low: float, high: float, seed: int = 1):
    return keras.initializers.RandomUniform(low, high, seed=seed)


MODELS = {
    "dense": lambda x: [layers.Dense(9, "relu"), layers.Dense(8, "relu")],
    "three dense": lambda x: [layers.Dense(9, "relu"), layers.Dense(8, "relu"), layers.Dense(8, "relu")],
    "one layer": lambda x: [layers.Dense(9, "relu")],
    "convolutions": lambda x: [
        layers.Reshape((6, 6, 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Conv2D(4, 2, activation="relu", bias_initializer=spread(-0.2, 0.4)),
        layers.Flatten(),
    ],
    "pooling and groups": lambda x: [
        layers.Reshape((6, 6, 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.AveragePooling2D(2),
        layers.Conv2D(4, 2, groups=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(7, "relu"),
    ],
}


@cache
def network(name: str, low: float = 0.0):
    keras.utils.set_random_seed(5)
    inputs = x = keras.Input((36,))
    for layer in MODELS[name](x):
        x = layer(x)
    model = keras.Model(inputs, layers.Dense(4, name="out")(x))
    samples = np.random.default_rng(0).uniform(low, 1, (24, 36)).astype(np.float32)
    return spikeport.convert(model, samples, target="loihi", target_steps=STEPS), samples


@pytest.mark.parametrize(("name", "low"), [*((name, 0.0) for name in MODELS), ("one layer", -1.0)])
def test_the_twin_puts_out_what_the_chip_does_without_rounding(name, low):
    net, x = network(name, low)
    chip = net.deploy("loihi", calibration=x, target="float")
    twin = chip_twin(net.graph, chip.scaled([x], STEPS))
    expected = chip.run([x], STEPS).output
    model = keras_model(twin.graph, STEPS, dtype="float64")
    found = keras.ops.convert_to_numpy(model(x.astype(np.float64)))
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    again = untwinned(net.graph, twin.graph)
    assert np.array_equal(net.run(x).output, network_with(net, again).run(x).output)


def network_with(net, graph):
    from dataclasses import replace

    return replace(net, graph=graph)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "one layer"])
def test_a_kernel_on_its_grid_is_rounded_as_the_chip_rounds_it(name):
    """Of kernels on the grid, the chip's own figures say that rounding loses less than of others."""
    from dataclasses import replace

    net, x = network(name)
    chip = net.deploy("loihi", calibration=x)
    scaled = chip.scaled([x], STEPS)
    twin = chip_twin(net.graph, scaled)
    assert twin.grids
    changed = []
    for node, grid in twin.grids.items():
        kernel = net.graph.nodes[node].op.kernel
        assert np.abs(kernel / grid.step).max() <= grid.levels + 1
        levels = np.clip(np.round(kernel / grid.step), -grid.levels, grid.levels)
        rounded = (levels * grid.step).astype(np.float32)
        changed.append(replace(net.graph.nodes[node], op=replace(net.graph.nodes[node].op, kernel=rounded)))
    on_grid = network_with(net, net.graph.rewritten(changed)).deploy("loihi", calibration=x)
    # the same thresholds and gains; only the weights differ
    after = {
        name: replace(s, routes=on_grid.scaled([x], STEPS)[name].routes)
        for name, s in scaled.items()
        if hasattr(s, "routes")
    }
    for place, population in after.items():
        before = quantise(scaled[place]).signal_to_noise
        assert quantise(population).signal_to_noise > before + 3


@cache
def digits_net():
    pytest.importorskip("sklearn", reason="needs scikit-learn's digits")
    (x, y), test = digits_data()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input(x.shape[1:]), layers.Conv2D(6, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(24, "relu"))
    model.add(layers.Dense(10))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=6, batch_size=32, verbose=0)
    return spikeport.convert(model, x[:128], target="loihi", target_steps=3), (x, y), test


def on_chip(net) -> float:
    _, (x, _), (x_test, y_test) = digits_net()
    return spikeport.evaluate(net, x_test, y_test, n_steps=3, backend="loihi", calibration=[x[:128]]).accuracy[-1]


def test_the_chip_gives_more_right_answers_in_few_steps():
    net, (x, y), _ = digits_net()
    tuned = spikeport.finetune(net, x, y, method="loihi", n_steps=3, epochs=2, learning_rate=2e-3)
    assert on_chip(tuned) > on_chip(net) + 0.02
    assert tuned.provenance["fine_tuned"]["method"] == "loihi"
    assert tuned.target_steps == 3


@pytest.mark.slow
def test_a_real_model_loses_less_on_the_chip():
    """File 16 on MNIST, 4 steps: 88.7 % of the 10,000 test images before, 93.4 % after; here the first 3,000."""
    (x, y), (x_test, y_test) = mnist("train"), mnist("t10k")
    net = spikeport.convert(
        model_path("16"), x[:256], target="loihi", target_steps=4, input_shape=(28, 28, 1)
    )  # the file holds no input shape
    tuned = spikeport.finetune(net, x[:6400], y[:6400], method="loihi")
    before, after = (
        spikeport.evaluate(n, x_test[:3000], y_test[:3000], n_steps=4, backend="loihi", calibration=[x[:128]]).accuracy[
            -1
        ]
        for n in (net, tuned)
    )
    assert after > before + 0.03


def test_what_does_not_go_on_the_chip_is_refused_before_training():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, activation="relu")(inputs)
    x = layers.Conv2D(3, 3, activation="relu")(layers.MaxPooling2D(2, strides=1)(x))
    x = layers.Activation("tanh")(layers.Conv2D(3, 2)(x))
    x = layers.Dense(3, activation="relu")(layers.Flatten()(x))
    samples = np.random.default_rng(0).random((8, 8, 8, 1), np.float32)
    net = spikeport.convert(keras.Model(inputs, layers.Dense(2)(x)), samples)
    with pytest.raises(BackendError, match="does not go on Loihi"):
        spikeport.finetune(net, samples, np.arange(8) % 2, method="loihi")


def test_a_network_that_was_trained_on_spikes_is_refused():
    inputs = keras.Input((5, 3))
    hidden = spikeport.training.LIF()(layers.Dense(4)(inputs))
    net = spikeport.convert(keras.Model(inputs, layers.Dense(2)(hidden)))
    with pytest.raises(UsageError, match="expected a converted network"):
        spikeport.finetune(net, np.zeros((4, 3), np.float32), np.arange(4) % 2, method="loihi")


def test_the_command_scores_on_the_chip(tmp_path, capsys):
    net, (x, y), (x_test, y_test) = digits_net()
    net.save(tmp_path / "net.h5")
    np.savez(tmp_path / "train.npz", x=x, y=y)
    np.savez(tmp_path / "test.npz", x=x_test, y=y_test)
    files = [str(tmp_path / name) for name in ("net.h5", "train.npz", "test.npz", "tuned.h5")]
    command = ["finetune", files[0], "--data", files[1], "--test", files[2], "--steps", "3", "-o", files[3]]
    assert main([*command, "--method", "loihi", "--epochs", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["before"]["accuracy"] == pytest.approx(on_chip(net))
    assert told["after"]["accuracy"] == pytest.approx(on_chip(spikeport.load(files[3])))
