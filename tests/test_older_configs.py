"""Configs as older versions of Keras wrote them, by hand: no Keras that runs today writes these any more."""

from __future__ import annotations

import numpy as np
import pytest

import small_files
import spikeport
from comparison import assert_equals_keras
from keras_models import samples_for, seeded
from small_files import Config, layer

KERNELS = {
    name: seeded(name).normal(0, 0.6, shape).astype(np.float32)
    for name, shape in (("first", (5, 4)), ("second", (4, 4)), ("third", (4, 3)))
}
BIASES = {name: seeded(name + " bias").normal(0, 0.3, k.shape[1]).astype(np.float32) for name, k in KERNELS.items()}


def dense(x: np.ndarray, name: str) -> np.ndarray:
    return x @ KERNELS[name] + BIASES[name]


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


STACK = (
    layer("Dense", "first", batch_input_shape=[None, 5], units=4, activation="relu", use_bias=True),
    layer("LeakyReLU", "leaky", alpha=0.25),
    layer("Dense", "second", units=4, activation="hard_sigmoid", use_bias=True),
    layer("Dense", "third", units=3, activation="linear", use_bias=True),
)


def stack_output(x: np.ndarray) -> np.ndarray:
    hidden = relu(dense(x, "first"))  # the leaky part never meets a negative value
    return dense(np.clip(0.2 * dense(hidden, "second") + 0.5, 0, 1), "third")  # the slope of Keras 2


LEAKY = (
    layer("InputLayer", "x", batch_input_shape=[None, 5]),
    layer("Dense", "first", units=4, activation="linear", use_bias=True),
    layer("LeakyReLU", "leaky", alpha=0.25),
    layer("Dense", "third", units=3, activation={"class_name": "function", "config": "relu"}, use_bias=True),
)


def leaky_output(x: np.ndarray) -> np.ndarray:
    hidden = dense(x, "first")
    return relu(dense(np.where(hidden > 0, hidden, 0.25 * hidden), "third"))


def nested() -> Config:
    """A Model used twice inside a Model: its making counts as its use 0."""
    inner = {
        "name": "block",
        "layers": [
            {**layer("InputLayer", "inside", batch_input_shape=[None, 4]), "name": "inside", "inbound_nodes": []},
            {
                **layer("Dense", "second", units=4, activation="relu", use_bias=True),
                "name": "second",
                "inbound_nodes": [[["inside", 0, 0, {}]]],
            },
        ],
        "input_layers": [["inside", 0, 0]],
        "output_layers": [["second", 0, 0]],
    }
    first = layer("Dense", "first", units=4, activation="linear", use_bias=True)
    third = layer("Dense", "third", units=3, activation="linear", use_bias=True)
    uses = [[["first", 0, 0, {}]], [["block", 1, 0, {}]]]
    outer = {
        "name": "model_1",
        "layers": [
            {**layer("InputLayer", "x", batch_input_shape=[None, 5]), "name": "x", "inbound_nodes": []},
            {**first, "name": "first", "inbound_nodes": [[["x", 0, 0, {}]]]},
            {"class_name": "Model", "config": inner, "name": "block", "inbound_nodes": uses},
            {**third, "name": "third", "inbound_nodes": [[["block", 2, 0, {}]]]},
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["third", 0, 0]],
    }
    return {"class_name": "Model", "config": outer}


def nested_output(x: np.ndarray) -> np.ndarray:
    return dense(relu(dense(relu(dense(dense(x, "first"), "second")), "second")), "third")


def bare_list(config: Config) -> Config:
    """A Sequential config as Keras before 2.2.3 wrote it: the layers without a name around them."""
    return {**config, "config": config["config"]["layers"]}


CASES = {
    "2.2.4": (small_files.sequential(*STACK), stack_output),
    "2.1.6": (bare_list(small_files.sequential(*STACK)), stack_output),
    "2.4.0-tf": (small_files.sequential(*LEAKY), leaky_output),
    "2.2.4-tf": (nested(), nested_output),
}


@pytest.mark.parametrize("version", CASES)
def test_the_rate_network_computes_what_that_version_did(version, tmp_path):
    config, expected = CASES[version]
    weights = {name: {"kernel": KERNELS[name], "bias": BIASES[name]} for name in KERNELS}
    if config["class_name"] == "Model":
        weights["block"] = weights.pop("second")
    path = small_files.write_h5(tmp_path / "old.h5", config, weights, version=version)
    samples = samples_for(((5,),), version)
    network = spikeport.convert(path, samples)
    assert list(network.graph.outputs) == ["third"]
    assert_equals_keras(network.run(samples, spiking=False).output, expected(samples))
