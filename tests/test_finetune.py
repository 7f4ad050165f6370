"""Fine-tuning: recipes, what they lower, and the command."""

from __future__ import annotations

import json
from functools import cache

import keras
import numpy as np
import pytest

import spikeport
from spikeport.cli import main
from spikeport.demo.digits import digits_data
from spikeport.errors import BackendError, DataError, UsageError
from spikeport.finetuning import METHODS
from spikeport.finetuning.objective import objective


@cache
def trained():
    """A small network on scikit-learn's digits, and its data."""
    pytest.importorskip("sklearn", reason="needs scikit-learn's digits")
    (x, y), (x_test, y_test) = digits_data()
    keras.utils.set_random_seed(0)
    image = keras.Input(x.shape[1:])
    hidden = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(image)
    hidden = keras.layers.Flatten()(keras.layers.Conv2D(16, 3, activation="relu", name="second")(hidden))
    model = keras.Model(image, keras.layers.Dense(10, name="digit")(hidden))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=6, batch_size=32, verbose=0)
    return model, (x, y), (x_test, y_test)


@cache
def network(neurons: str = "binary") -> spikeport.SpikingNetwork:
    model, (x, _), _ = trained()
    return spikeport.convert(model, x[:128], target_steps=1, neurons=neurons)


def accuracy(net: spikeport.SpikingNetwork) -> float:
    _, _, (x, y) = trained()
    return spikeport.evaluate(net, x, y).accuracy[-1]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "loihi"])  # that one: test_finetune_loihi.py
def test_each_recipe_brings_few_steps_nearer_to_the_model(method):
    model, (x, y), (x_test, y_test) = trained()
    of_keras = float(np.mean(np.asarray(model(x_test)).argmax(axis=-1) == y_test))
    tuned = spikeport.finetune(network(), x, y, method=method, epochs=3, learning_rate=2e-3)
    assert accuracy(network()) < of_keras - 0.1
    assert accuracy(tuned) > of_keras - 0.04
    assert tuned.provenance["fine_tuned"]["method"] == method


def test_without_labels_it_is_trained_towards_its_own_rates():
    _, (x, _), _ = trained()
    tuned = spikeport.finetune(network(), x, epochs=3, learning_rate=2e-3)
    rates = network().run(x[:200], spiking=False).output
    before, after = (np.mean(net.run(x[:200]).output.argmax(-1) == rates.argmax(-1)) for net in (network(), tuned))
    assert after > before + 0.05


def test_the_same_seed_gives_the_same_network_and_progress_is_told():
    _, (x, y), _ = trained()
    done: list[int] = []
    first, again, other = (
        spikeport.finetune(network(), x[:100], y[:100], epochs=2, seed=seed, on_progress=done.append)
        for seed in (1, 1, 2)
    )
    outputs = [net.run(x[:20]).output for net in (first, again, other)]
    assert np.allclose(outputs[0], outputs[1], atol=1e-5)
    assert not np.allclose(outputs[0], outputs[2], atol=1e-5)
    assert sum(done) == 3 * 2 * 100


@pytest.mark.parametrize("method", ["qcfs", "rate"])
def test_rates_are_kept_in_their_range(method):
    """With two steps of 1 ms, rates are 0, 500 or 1000 Hz: the 99th percentile is brought below 400."""
    _, (x, y), _ = trained()
    options = {"epochs": 2, "learning_rate": 3e-3, "method": method}
    plain = spikeport.finetune(network(), x, y, n_steps=2, **options)
    held = spikeport.finetune(network(), x, y, n_steps=2, rate_range=(0, 400), rate_weight=0.01, **options)
    spikes = [sum(c.sum() for c in net.run(x[:100]).spike_counts.values()) for net in (plain, held)]
    assert spikes[1] < 0.8 * spikes[0]
    assert accuracy(held) > 0.7


def test_gradients_are_centralised():
    optimizer = spikeport.training.centralised(keras.optimizers.SGD(1.0))
    kernel, bias = keras.Variable(np.zeros((3, 2))), keras.Variable(np.zeros(2))
    gradient = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]], np.float32)
    optimizer.apply([keras.ops.convert_to_tensor(gradient), keras.ops.convert_to_tensor(gradient[0])], [kernel, bias])
    assert np.allclose(kernel.numpy(), gradient.mean(axis=0) - gradient)
    assert np.allclose(bias.numpy(), -gradient[0])
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.get_config() == {**keras.optimizers.SGD(1.0).get_config(), "name": optimizer.name}
    _, (x, y), _ = trained()
    spikeport.finetune(network(), x[:64], y[:64], epochs=1, centralise=True)


@pytest.mark.parametrize(
    ("units", "activation", "y", "loss"),
    [
        (3, "softmax", np.arange(4) % 3, "SparseCategoricalCrossentropy"),
        (3, None, np.eye(3)[np.arange(4) % 3], "SparseCategoricalCrossentropy"),
        (3, "relu", np.random.default_rng(0).random((4, 3)), "MeanSquaredError"),
        (1, "sigmoid", np.array([0, 1, 1, 0]), "BinaryCrossentropy"),
        (3, "softmax", None, "CategoricalCrossentropy"),
        (3, None, None, "CategoricalCrossentropy"),
        (1, "sigmoid", None, "BinaryCrossentropy"),
        (3, "tanh", None, "MeanSquaredError"),
    ],
)
def test_the_loss_suits_the_output(units, activation, y, loss):
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, activation="relu")(inputs)
    x = np.random.default_rng(1).random((4, 5), np.float32)
    net = spikeport.convert(keras.Model(inputs, keras.layers.Dense(units, activation=activation)(hidden)), x)
    found, targets = objective(net, x, y)
    assert type(found).__name__ == loss
    assert len(targets) == 4
    assert np.isfinite(float(found(targets, net.run(x).output)))


def test_wrong_use_is_refused():
    _, (x, y), _ = trained()
    with pytest.raises(UsageError, match="method out of qcfs, rate, surrogate, loihi"):
        spikeport.finetune(network(), x, y, method="magic")
    with pytest.raises(UsageError, match="at least 1 epoch"):
        spikeport.finetune(network(), x, y, epochs=0)
    with pytest.raises(UsageError, match="rate range"):
        spikeport.finetune(network(), x, y, rate_range=(300, 100))
    with pytest.raises(DataError, match="labels"):
        spikeport.finetune(network(), x, y[:3])
    with pytest.raises(BackendError, match="lose no current"):
        spikeport.finetune(network("lif"), x, y)


def test_the_command_trains_saves_and_scores(tmp_path, capsys):
    _, (x, y), (x_test, y_test) = trained()
    network().save(tmp_path / "net.h5")
    np.savez(tmp_path / "train.npz", x=x, y=y)
    np.savez(tmp_path / "test.npz", x=x_test, y=y_test)
    files = [str(tmp_path / name) for name in ("net.h5", "train.npz", "test.npz")]
    common = ["finetune", files[0], "--data", files[1], "--test", files[2], "--steps", "1"]
    assert main([*common, "-o", str(tmp_path / "tuned.h5"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["before"]["accuracy"] < told["after"]["accuracy"]
    assert accuracy(spikeport.load(tmp_path / "tuned.h5")) == pytest.approx(told["after"]["accuracy"])
    assert main([*common, "--epochs", "1", "--rates", "0", "500", "-o", str(tmp_path / "again.h5")]) == 0
    assert "accuracy after 1 step:" in capsys.readouterr().out
    assert main([*common, "-o", files[0]]) == 2
