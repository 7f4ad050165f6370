"""Readers: what they make of files and live models, and what they say of files that are something else."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

import small_files
import spikeport
from small_files import functional, layer, sequential
from spikeport import ConversionError, SourceError, UsageError
from spikeport.converter.layer_call import LayerCall, ModelRecord
from spikeport.converter.sources import read as reader
from spikeport.converter.sources import read_model

X = small_files.samples(5)


def assert_same_record(record: ModelRecord, other: ModelRecord) -> None:
    """Compare what the converter sees of two models, origins and versions aside."""
    assert [call.name for call in record.calls] == [call.name for call in other.calls]
    for call, twin in zip(record.calls, other.calls, strict=True):
        assert (call.layer_type, call.inputs) == (twin.layer_type, twin.inputs)
        assert list(call.weights) == list(twin.weights)
        for name, value in call.weights.items():
            np.testing.assert_array_equal(value, twin.weights[name])
    assert list(record.outputs) == list(other.outputs)


def test_both_formats_hold_the_same_model(small_h5, small_keras):
    record, other = read_model(small_h5), read_model(str(small_keras))
    assert_same_record(record, other)
    assert [call.layer_type for call in record.calls] == ["InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense"]
    assert [call.inputs for call in record.calls] == [(), ("image",), ("conv",), ("pool",), ("flat",)]
    assert record.calls[0].config["shape"] == (6, 6, 1)
    assert {name: w.shape for name, w in record.calls[1].weights.items()} == {"kernel": (3, 3, 1, 3), "bias": (3,)}
    assert record.calls[1].weights["kernel"].dtype == np.float32
    assert (record.name, record.keras_version) == ("small", small_files.KERAS_VERSION)
    assert record.digest != other.digest
    assert dict(record.outputs) == {"scores": "scores"}


def test_a_file_is_left_as_it_was_and_can_be_removed_after_reading(tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    before = path.read_bytes()
    path.chmod(0o444)
    read_model(path)
    assert path.read_bytes() == before
    path.chmod(0o644)
    path.unlink()


@pytest.mark.parametrize("offset", [512, 1024, 2048])
def test_an_hdf5_file_may_begin_with_a_block_of_its_owner(offset, tmp_path):
    path = tmp_path / "model.h5"
    plain = small_files.write_h5(tmp_path / "plain.h5")
    with h5py.File(plain) as source, h5py.File(path, "w", userblock_size=offset) as file:
        for name, value in source.attrs.items():
            file.attrs[name] = value
        source.copy("model_weights", file)
    assert_same_record(read_model(path), read_model(plain))


def wide(spelling: str) -> dict[str, Any]:
    """Two inputs, a layer used twice, a model inside, two outputs; as Keras 2 or as Keras 3 spells references."""
    inner = functional(
        {
            "given": (layer("InputLayer", "given", batch_shape=[None, 4]), []),
            "deep": (layer("Dense", "deep", units=4, activation="relu"), ["given"]),
        },
        outputs=["deep"],
    )
    config = functional(
        {
            "left": (layer("InputLayer", "left", batch_shape=[None, 4]), []),
            "right": (layer("InputLayer", "right", batch_shape=[None, 4]), []),
            "shared": (layer("Dense", "shared", units=4, activation="relu"), ["left"]),
            "inner": (inner, ["right"]),
            "sum": (layer("Add", "sum"), ["shared", "inner"]),
            "last": (layer("Dense", "last", units=2), ["sum"]),
        },
        outputs=["last", "sum"],
    )
    entries = {entry["name"]: entry for entry in config["config"]["layers"]}
    entries["shared"]["inbound_nodes"].append([["right", 0, 0, {}]])
    entries["sum"]["inbound_nodes"] = [[["shared", 0, 0, {}], ["shared", 1, 0, {}], ["inner", 1, 0, {}]]]
    if spelling == "3":
        entries["sum"]["inbound_nodes"][0][2][1] = 0
        for entry in entries.values():
            entry["inbound_nodes"] = [keras3_node(node) for node in entry["inbound_nodes"]]
        for entry in inner["config"]["layers"]:
            entry["inbound_nodes"] = [keras3_node(node) for node in entry["inbound_nodes"]]
    return config


def keras3_node(node: list[Any]) -> dict[str, Any]:
    """A use of a layer in the spelling of Keras 3."""
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": reference[:3]}} for reference in node]
    return {"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}}


@pytest.mark.parametrize(("spelling", "version"), [("2", "2.4.0"), ("3", "3.8.0")])
def test_shared_layers_inner_models_and_several_ends_are_read(spelling, version, tmp_path):
    rng = np.random.default_rng(0)
    weights = {
        name: {"kernel": rng.normal(size=(4, units)), "bias": rng.normal(size=units)}
        for name, units in (("shared", 4), ("last", 2))
    }
    deep = {"deep/kernel": rng.normal(size=(4, 4)), "deep/bias": rng.normal(size=4)}
    path = small_files.write_h5(tmp_path / "m.h5", wide(spelling), {**weights, "inner": deep}, version)
    record = read_model(path)
    calls = {call.name: call for call in record.calls}
    assert list(record.outputs.items()) == [("last", "last"), ("sum", "sum")]
    assert calls["sum"].inputs == ("shared", "shared:1", "inner/deep")
    assert calls["shared:1"].inputs == ("right",)
    assert calls["inner/deep"].inputs == ("right",)
    np.testing.assert_array_equal(calls["shared"].weights["kernel"], calls["shared:1"].weights["kernel"])

    def dense(x: np.ndarray, w: Any, kernel: str = "kernel", bias: str = "bias") -> np.ndarray:
        return x @ w[kernel] + w[bias]

    left, right = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    shared = [np.maximum(dense(x, weights["shared"]), 0) for x in (left, right)]
    total = shared[0] + shared[1] + np.maximum(dense(right, deep, "deep/kernel", "deep/bias"), 0)
    outputs = spikeport.convert(path).run([left, right], spiking=False).outputs
    np.testing.assert_allclose(outputs["sum"], total, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["last"], dense(total, weights["last"]), rtol=1e-4, atol=1e-5)


def test_a_layer_may_be_used_by_many_and_its_weights_are_read_once(tmp_path, monkeypatch):
    config = functional(
        {
            "in": (layer("InputLayer", "in", batch_shape=[None, 4]), []),
            "shared": (layer("Dense", "shared", units=4), ["in"]),
        },
        outputs=["shared"],
    )
    nodes = config["config"]["layers"][1]["inbound_nodes"]
    nodes += [[["shared", use, 0, {}]] for use in range(50)]
    config["config"]["output_layers"] = [["shared", 50, 0]]
    weights = {"shared": {"kernel": np.eye(4), "bias": np.ones(4)}}
    path = small_files.write_h5(tmp_path / "m.h5", config, weights, "2.4.0")
    record = read_model(path)
    kernels = {id(call.weights["kernel"]) for call in record.calls if call.layer_type == "Dense"}
    assert len(record.calls) == 52
    assert len(kernels) == 1
    output = spikeport.convert(path).run(np.zeros((1, 4)), spiking=False).output
    np.testing.assert_allclose(output, np.full((1, 4), 51.0))


@pytest.mark.parametrize("name", ["a:b", "dense:1", "dense_1:0", "é ü", "x.y", "with space"])
def test_names_of_layers_may_hold_any_character_but_a_slash(name, tmp_path):
    config = sequential(layer("InputLayer", "in", batch_shape=[None, 4]), layer("Dense", name, units=2))
    weights = {name: {"kernel": np.ones((4, 2)), "bias": np.zeros(2)}}
    record = read_model(small_files.write_h5(tmp_path / "m.h5", config, weights))
    assert set(record.calls[1].weights) == {"kernel", "bias"}


# Live models


def keras_model() -> Any:
    """The small model, alive."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.InputLayer(shape=(6, 6, 1), name="image"),
            keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="conv"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(4, activation="softmax", name="scores"),
        ],
        name="small",
    )
    weights = small_files.small_weights()
    model.set_weights([value for name in ("conv", "scores") for value in weights[name].values()])
    return model


def test_a_live_model_is_read_as_its_files_are(tmp_path, small_h5):
    model = keras_model()
    path = tmp_path / "model.keras"
    model.save(path)
    alive = read_model(model)
    assert_same_record(alive, read_model(path))
    assert_same_record(alive, read_model(small_h5))
    np.testing.assert_allclose(
        spikeport.convert(model, X).run(X, spiking=False).output, model.predict(X, verbose=0), atol=1e-6
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_a_model_of_tf_keras_is_read_as_its_file_is(tmp_path):
    tf_keras = pytest.importorskip("tf_keras")
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [layers.Dense(5, activation="relu", input_shape=(3,)), layers.LeakyReLU(), layers.Dense(2, "softmax")]
    )
    path = tmp_path / "model.h5"
    model.save(path)
    assert_same_record(read_model(model), read_model(path))
    x = small_files.samples(4, (3,))
    np.testing.assert_allclose(
        spikeport.convert(path, x).run(x, spiking=False).output, model.predict(x, verbose=0), atol=1e-6
    )


# Other files, each told by what it is


OTHERS = [
    ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"),
    ("html", b"\n\n<!DOCTYPE html><html></html>", "a web page"),
    ("xml", b"<?xml version='1.0'?>", "a web page"),
    ("json", b'{"class_name": "Sequential"}', "an architecture without weights"),
    ("png", b"\x89PNG\r\n\x1a\n", "starts with"),
    ("text", b"hello", "starts with b'hello'"),
    ("empty", b"", "an empty file"),
]


@pytest.mark.parametrize(("name", "data", "words"), OTHERS, ids=[name for name, *_ in OTHERS])
def test_other_files_are_told_by_what_they_are(name, data, words, tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=rf"model\.h5: expected a Keras .*{words}"):
        read_model(path)


def test_folders_missing_files_and_other_hdf5_files_are_told(tmp_path):
    with pytest.raises(SourceError, match=r"received a folder$"):
        read_model(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(SourceError, match=r"a SavedModel; export it .*model\.save"):
        read_model(tmp_path)
    with pytest.raises(SourceError, match="found no file of this name"):
        read_model(tmp_path / "none.h5")
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(3)
    with pytest.raises(SourceError, match="an HDF5 file without a model_config"):
        read_model(path)


def test_a_file_of_weights_only_is_told(tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path) as source, h5py.File(tmp_path / "weights.h5", "w") as file:
        for name in source["model_weights"]:
            source["model_weights"].copy(name, file)
        file.attrs["layer_names"] = source["model_weights"].attrs["layer_names"]
    with pytest.raises(SourceError, match="holds weights only"):
        read_model(tmp_path / "weights.h5")


@pytest.mark.parametrize("shape", [3, "28", (2.5, 1), [None, 3], {}], ids=repr)
def test_a_shape_is_whole_numbers(shape, small_h5):
    with pytest.raises((UsageError, SourceError), match="input_shape"):
        read_model(small_h5, input_shape=shape)


# Mishaps: told as errors of the file or layer, with the cause attached


def test_what_a_reader_stumbles_over_is_an_error_of_the_file_with_its_cause(small_h5, small_keras, monkeypatch):
    def stumble(*arguments: Any, **options: Any) -> None:
        raise TypeError("unexpected")

    monkeypatch.setattr(reader, "calls_of_model", stumble)
    for path in (small_h5, small_keras):
        with pytest.raises(SourceError, match=rf"{path.name}: expected .*TypeError: unexpected") as caught:
            read_model(path)
        assert isinstance(caught.value.__cause__, TypeError)


def test_what_a_handler_stumbles_over_is_an_entry_of_its_layer_with_its_cause(small_h5):
    layers = spikeport.LAYERS.child()

    @layers.register("Flatten")
    def stumble(call: LayerCall) -> Any:
        raise KeyError("unexpected")

    with pytest.raises(ConversionError, match=r"flat \(Flatten\).*KeyError: 'unexpected'") as caught:
        spikeport.convert(small_h5, layers=layers)
    assert isinstance(caught.value.__cause__, KeyError)
    codes = {entry.layer: entry.code for entry in caught.value.report.layers}
    assert codes["flat"] == "unsupported-argument"
    assert codes["scores"] == "after-unsupported"
