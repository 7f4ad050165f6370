"""One model, written in every way that the installed Keras and tf_keras have: each reads as the live model does."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikeport
from comparison import assert_equals_keras
from keras_models import samples_for, with_random_weights
from spikeport.converter.layer_call import ModelRecord
from spikeport.converter.sources import read_model

WAYS = (".h5", ".keras", ".weights.h5")


def rich_model(keras: Any) -> Any:
    """Models inside models, a shared layer, layers around layers and models, and operations."""
    layers = keras.layers
    image = keras.Input((8, 8, 2), name="image")
    first = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(3, 3, name="one"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(3, 1, name="two"),
            layers.BatchNormalization(name="norm2", trainable=False),
        ],
        name="first",
    )
    a = keras.Input((6, 6, 3))
    deep = keras.Model(
        a, layers.Conv2D(4, 3, name="deepest")(layers.BatchNormalization(name="deep_norm")(a)), name="deep"
    )
    b = keras.Input((6, 6, 3))
    middle = keras.Model(b, layers.ReLU(name="relu")(deep(b)), name="middle")
    over_time = keras.Sequential(
        [
            keras.Input((16, 1)),
            layers.Conv1D(2, 3, name="along"),
            layers.BatchNormalization(name="norm3"),
            layers.Flatten(name="flat"),
            layers.Dense(5, name="last"),
        ],
        name="over_time",
    )
    x = layers.Reshape((4, 16, 1), name="rows")(middle(first(image)))
    x = layers.TimeDistributed(over_time, name="model_over_time")(x)
    x = layers.TimeDistributed(layers.Dense(5, name="inside"), name="layer_over_time")(x)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both_too")(x)
    x = layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    x = layers.Flatten(name="flat2")(x)
    shared = layers.Dense(4, name="shared")
    y = shared(layers.Dense(4, name="before")(x))
    out = layers.Add(name="sum")([y, shared(y)]) * 2.0 + 1.0
    out = out[:, :2]
    return keras.Model(image, out + out, name="rich")


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def records(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelRecord]:
    keras = pytest.importorskip(request.param)
    model = with_random_weights(rich_model(keras), "rich")
    folder = tmp_path_factory.mktemp(request.param)
    return {"live": read_model(model), **{way: written(model, folder, way) for way in WAYS}}


def written(model: Any, folder: Path, way: str) -> ModelRecord:
    path = folder / f"model{way}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the format, which is old on purpose
        if way != ".weights.h5":
            model.save(path)
            return read_model(path)
        model.save_weights(path)
    architecture = folder / "model.json"
    architecture.write_text(model.to_json())
    return read_model(path, architecture=architecture)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_a_model_reads_the_same(way: str, records: dict[str, ModelRecord]) -> None:
    live, found = records["live"], records[way]
    assert list(found.outputs) == list(live.outputs)
    assert len(found.calls) == len(live.calls)
    for call, expected in zip(found.calls, live.calls, strict=True):
        assert (call.name, call.layer_type, call.inputs) == (expected.name, expected.layer_type, expected.inputs)
        assert call.config.get("call_arguments") == expected.config.get("call_arguments")
        assert list(call.weights) == list(expected.weights)
        for name, value in expected.weights.items():
            np.testing.assert_array_equal(call.weights[name], value, err_msg=f"{call.name} {name}")


def test_each_weight_has_its_name_and_place(records: dict[str, ModelRecord]) -> None:
    shapes = {call.name: {n: w.shape for n, w in call.weights.items()} for call in records["live"].calls}
    assert shapes["middle/deep/deepest"] == {"kernel": (3, 3, 3, 4), "bias": (4,)}
    assert list(shapes["first/norm2"]) == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert shapes["model_over_time/last"] == {"kernel": (28, 5), "bias": (5,)}
    assert shapes["both"]["backward_layer/recurrent_kernel"] == (3, 12)
    assert shapes["attention"]["query/kernel"] == (6, 2, 2)
    assert shapes["shared"] == shapes["shared:1"]


def test_the_constants_of_operations_are_kept(records: dict[str, ModelRecord]) -> None:
    extra = [str(call.config["call_arguments"]) for call in records["live"].calls if "call_arguments" in call.config]
    for value in ("2.0", "1.0", "'stop': 2"):
        assert any(value in text for text in extra)


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
@pytest.mark.parametrize("way", [".h5", ".keras"])
def test_nested_and_wrapped_models_compute_the_same(library: str, way: str, tmp_path: Path) -> None:
    keras = pytest.importorskip(library)
    layers = importlib.import_module(f"{library}.layers")
    rows = keras.Sequential([keras.Input((6, 2)), layers.Conv1D(3, 3), layers.BatchNormalization(), layers.Flatten()])
    inner = keras.Sequential([keras.Input((5, 6, 2)), layers.TimeDistributed(rows), layers.Dense(4, activation="relu")])
    model = with_random_weights(
        keras.Sequential([keras.Input((5, 6, 2)), inner, layers.Flatten(), layers.Dense(3)]), "n"
    )
    x = samples_for(((5, 6, 2),), "n", 4)
    path = tmp_path / f"model{way}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    assert_equals_keras(spikeport.convert(path, x).run(x, spiking=False).output, np.asarray(model(x)))
