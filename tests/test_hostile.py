"""Files that mean harm, and files that are merely broken: each ends in one of our errors, and nothing in it is run."""

from __future__ import annotations

import copy
import json
import marshal  # noqa: TID251 - to make a file that holds code, which must not be run
import pickle  # noqa: TID251 - the same
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import small_files
import spikeport
from small_files import changed, functional, layer, sequential, small_config
from spikeport import ConversionError, SourceError, SpikeportError
from spikeport.cli import main

MEMORY = 200 * 2**20  # what refusing a file may take


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fail where a test takes a lot of memory, even for a moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


def refused(path: Path, words: str | None = None) -> None:
    """Check that a file cannot be read or converted, and that the error names the file, or else the layers."""
    with pytest.raises(SpikeportError, match=words) as caught:
        spikeport.convert(path)
    assert isinstance(caught.value, ConversionError) or path.name in str(caught.value)


def tried(path: Path) -> str:
    """Check a file and return what came of it: "read", or the name of one of our errors. Anything else is a failure."""
    try:
        report, _ = spikeport.check(path)
    except SpikeportError as error:
        return type(error).__name__
    assert report.layers
    return "read" if report.convertible else "ConversionError"


# HDF5 that leads out of the file, or claims more than it holds


def with_kernel(path: Path, make: Callable[[h5py.Group], None]) -> Path:
    """The small model with the kernel of its last layer made by a function."""
    small_files.write_h5(path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/scores/scores"]
        group.move("kernel:0", "moved")
        make(group)
    return path


def external_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.ExternalLink("other.h5", "kernel")


def soft_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("/model_weights/scores/scores/moved")


def dangling_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("/nowhere")


def circular_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("kernel:0")


def virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((27, 4), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "kernel", (27, 4))
    group.create_virtual_dataset("kernel:0", layout)


def stored_outside(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (27, 4), np.float32, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def huge_and_empty(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (10**6, 10**6), np.float32, chunks=(1000, 1000))


def huge_and_compressed(group: h5py.Group) -> None:
    dataset = group.create_dataset("kernel:0", (2**14, 2**12), np.float32, chunks=(2**10, 2**12), compression="gzip")
    for start in range(0, 2**14, 2**10):
        dataset[start : start + 2**10] = np.zeros((2**10, 2**12), np.float32)


def text(group: h5py.Group) -> None:
    group["kernel:0"] = np.array([b"os.system"] * 4)


def records(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros(4, [("a", "<f4"), ("b", "<i4")])


def references(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", data=np.array([group.ref], h5py.ref_dtype), dtype=h5py.ref_dtype)


def of_no_size(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", data=h5py.Empty(np.float32))


def one_number(group: h5py.Group) -> None:
    group["kernel:0"] = 3.0


def another_group(group: h5py.Group) -> None:
    group.create_group("kernel:0")


def missing(group: h5py.Group) -> None:
    pass


def of_other_rank(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros((27, 4, 1), np.float32)


def of_other_size(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros((4, 27), np.float32)


def not_finite(group: h5py.Group) -> None:
    group["kernel:0"] = np.full((27, 4), np.nan, np.float32)


def beyond_float32(group: h5py.Group) -> None:
    group["kernel:0"] = np.full((27, 4), 1e300)


KERNELS = (
    external_link,
    soft_link,
    dangling_link,
    circular_link,
    virtual,
    stored_outside,
    huge_and_empty,
    huge_and_compressed,
    text,
    records,
    references,
    of_no_size,
    one_number,
    another_group,
    missing,
    of_other_rank,
    of_other_size,
    not_finite,
    beyond_float32,
)


@pytest.mark.parametrize("make", KERNELS, ids=lambda make: make.__name__)
def test_a_dataset_that_is_no_plain_array_is_refused(make, tmp_path, little_memory):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel"] = np.ones((27, 4), np.float32)
    refused(with_kernel(tmp_path / "model.h5", make))


@pytest.mark.parametrize("name", ["../../moved", "/model_weights/conv/conv/kernel:0", "a/../moved", "", "/", "."])
def test_names_of_weights_do_not_lead_out_of_the_layers_group(name, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        file["moved"] = np.ones((27, 4), np.float32)
        file["model_weights/scores"].attrs["weight_names"] = [name.encode(), b"scores/bias:0"]
    refused(path)


@pytest.mark.parametrize("name", ["../conv", "/", "..", ".", "a/b", "conv/../scores", ""])
def test_names_of_layers_do_not_lead_to_other_groups(name, tmp_path):
    """One such layer may take the weights that are left over, by order; two may not take them twice."""
    config = changed(small_config(), "config", "layers", 4, "config", "name", to=name)
    tried(small_files.write_h5(tmp_path / "model.h5", config))
    again = layer("Dense", f"{name}2", units=4)
    config["config"]["layers"].append(again)
    refused(small_files.write_h5(tmp_path / "model.h5", config))


@pytest.mark.parametrize("place", ["model_weights", "model_weights/conv", "model_weights/scores/scores"])
@pytest.mark.parametrize("kind", ["external", "soft"])
def test_linked_groups_are_refused(place, kind, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    small_files.write_h5(tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        file.move(place, "moved")
        file[place] = h5py.ExternalLink("other.h5", place) if kind == "external" else h5py.SoftLink("/moved")
    refused(path)


# Attributes


ATTRIBUTES: dict[str, Any] = {
    "not-json": "{'class_name': 'Sequential'}",
    "empty": "",
    "a-number": 3,
    "an-array": np.arange(3),
    "several-texts": ["{}", "{}"],
    "bytes-that-are-no-text": np.void(b"\xff\xfe\x00"),
    "nothing": h5py.Empty("S1"),
    "null": "null",
    "a-list": "[]",
    "nested-lists": "[" * 100_000 + "]" * 100_000,
    "nested-objects": '{"config":' * 50_000 + "1" + "}" * 50_000,
    "a-long-number": '{"class_name": ' + "9" * 10_000 + "}",
    "twice": '{"class_name": "Sequential", "class_name": "os.system", "config": {}}',
    "cut": json.dumps(small_config())[:-9],
}


# HDF5 keeps attributes of up to 64 KiB; larger texts are tried in .keras files
@pytest.mark.parametrize("name", [n for n, v in ATTRIBUTES.items() if not isinstance(v, str) or len(v) < 2**16])
def test_a_config_that_is_no_json_object_is_refused(name, tmp_path, little_memory):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = ATTRIBUTES[name]
    refused(path)


@pytest.mark.parametrize("name", [name for name, value in ATTRIBUTES.items() if isinstance(value, str)])
def test_a_config_member_that_is_no_json_object_is_refused(name, tmp_path, little_memory):
    refused(small_files.write_keras(tmp_path / "model.keras", ATTRIBUTES[name]))


@pytest.mark.parametrize("attribute", ["keras_version", "backend"])
@pytest.mark.parametrize("value", [3, np.arange(3), "", "9" * 50, "3.x", h5py.Empty("S1")], ids=repr)
def test_a_strange_version_is_an_error_or_is_read(attribute, value, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = value
    tried(path)


@pytest.mark.parametrize("value", [3, "kernel", [1, 2], [], h5py.Empty("S1"), np.zeros((2, 2))], ids=repr)
def test_strange_names_of_weights_are_an_error(value, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        file["model_weights/scores"].attrs["weight_names"] = value
    refused(path)


def test_many_layers_that_claim_the_same_weights_take_little_memory(tmp_path, little_memory):
    kernel = np.zeros((500, 500), np.float32)
    layers = [layer("InputLayer", "in", batch_shape=[None, 500])]
    layers += [layer("Dense", f"d{i}", units=500, use_bias=False) for i in range(1000)]
    path = small_files.write_h5(tmp_path / "model.h5", sequential(*layers), {"d0": {"kernel": kernel}})
    with h5py.File(path, "r+") as file:
        for i in range(1, 1000):
            file[f"model_weights/d{i}"] = file["model_weights/d0"]  # a hard link
    refused(path, "claim more")


# Configs that contradict themselves, in .h5 and in .keras


def graph_config(**layers: tuple[dict[str, Any], list[str]]) -> dict[str, Any]:
    start = {"in": (layer("InputLayer", "in", batch_shape=[None, 4]), [])}
    return functional({**start, **layers}, outputs=[list(layers)[-1]])


def nested(depth: int, uses: int = 1) -> dict[str, Any]:
    """Models inside models, each used several times."""
    model = graph_config(relu=(layer("ReLU", "relu"), ["in"]))
    for _ in range(depth):
        model = graph_config(inner=(model, ["in"]), last=(layer("ReLU", "last"), ["inner"]))
        entry = model["config"]["layers"][1]
        entry["inbound_nodes"] = entry["inbound_nodes"] * uses
    return model


def used_often(depth: int) -> dict[str, Any]:
    """Models that hold no layers but inputs, and each use the one inside them twice: 2 to the depth uses."""
    model: dict[str, Any] = functional({"in": (layer("InputLayer", "in", batch_shape=[None, 4]), [])}, ["in"])
    for _ in range(depth):
        model = graph_config(inner=(model, ["in"]))
        model["config"]["layers"][1]["inbound_nodes"] *= 2
    return model


DENSE = layer("Dense", "dense", units=4)
WRONG_CONFIGS: dict[str, Any] = {
    "cycle": graph_config(a=(layer("ReLU", "a"), ["b"]), b=(layer("ReLU", "b"), ["a"])),
    "reads-itself": graph_config(a=(layer("ReLU", "a"), ["a"])),
    "dangling-input": graph_config(a=(layer("ReLU", "a"), ["nobody"])),
    "dangling-output": changed(
        graph_config(a=(layer("ReLU", "a"), ["in"])), "config", "output_layers", to=[["x", 0, 0]]
    ),
    "output-of-another-use": changed(
        graph_config(a=(layer("ReLU", "a"), ["in"])), "config", "output_layers", to=[["a", 7, 0]]
    ),
    "no-outputs": changed(graph_config(a=(layer("ReLU", "a"), ["in"])), "config", "output_layers", to=[]),
    "outputs-of-numbers": changed(graph_config(a=(layer("ReLU", "a"), ["in"])), "config", "output_layers", to=[1, 2]),
    "two-of-a-name": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("ReLU", "a"), layer("ELU", "a")),
    "no-layers": sequential(),
    "layers-as-object": {"class_name": "Sequential", "config": {"layers": {}}},
    "layers-as-text": {"class_name": "Sequential", "config": {"layers": "Dense"}},
    "layers-of-text": {"class_name": "Sequential", "config": {"layers": ["Dense"]}},
    "layer-without-config": {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}]}},
    "layer-without-class": {"class_name": "Sequential", "config": {"layers": [{"config": {"name": "a"}}]}},
    "class-as-list": {"class_name": ["Sequential"], "config": {}},
    "config-missing": {"class_name": "Sequential"},
    "config-as-number": {"class_name": "Functional", "config": 3},
    "empty": {},
    "subclassed": {"class_name": "MyModel", "config": {}},
    "no-input-shape": sequential(layer("ReLU", "relu")),
    "negative-input": sequential(layer("InputLayer", "x", batch_shape=[None, -4]), DENSE),
    "zero-input": sequential(layer("InputLayer", "x", batch_shape=[None, 0]), DENSE),
    "open-input": sequential(layer("InputLayer", "x", batch_shape=[None, None]), DENSE),
    "endless-input": sequential(layer("InputLayer", "x", batch_shape=[None, 10**9, 10**9]), layer("ReLU", "r")),
    "input-of-text": sequential(layer("InputLayer", "x", batch_shape="(None, 4)"), DENSE),
    "input-of-fractions": sequential(layer("InputLayer", "x", batch_shape=[None, 4.5]), DENSE),
    "no-weights": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("Dense", "other", units=4)),
    "recurrent": sequential(layer("InputLayer", "x", batch_shape=[None, 5, 4]), layer("LSTM", "l", units=4)),
    "custom-class": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("MyLayer", "m", size=4)),
    "os.system": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("os.system", "m", command="true")),
    "builtins": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("__import__", "m", module="os")),
    "dunder": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("__class__", "__init__")),
    "path-as-class": sequential(layer("InputLayer", "x", batch_shape=[None, 4]), layer("../../Dense", "m")),
    "nested-beyond-measure": nested(40),
    "upsampled-beyond-measure": sequential(
        layer("InputLayer", "x", batch_shape=[None, 8, 8, 3]), layer("UpSampling2D", "up", size=[10**6, 10**6])
    ),
    "padded-beyond-measure": sequential(
        layer("InputLayer", "x", batch_shape=[None, 8, 8, 3]), layer("ZeroPadding2D", "pad", padding=10**9)
    ),
    "repeated-beyond-measure": sequential(
        layer("InputLayer", "x", batch_shape=[None, 8]), layer("RepeatVector", "repeat", n=10**15)
    ),
    "used-beyond-measure": used_often(28),
}


@pytest.mark.parametrize("write", [small_files.write_h5, small_files.write_keras], ids=["h5", "keras"])
@pytest.mark.parametrize("name", WRONG_CONFIGS)
def test_a_config_that_makes_no_model_is_refused(name, write, tmp_path, little_memory):
    suffix = "h5" if write is small_files.write_h5 else "keras"
    refused(write(tmp_path / f"model.{suffix}", WRONG_CONFIGS[name]))


def test_a_model_of_five_thousand_layers_in_the_wrong_order_is_read(tmp_path):
    count = 5000
    layers = {f"l{i}": (layer("ReLU", f"l{i}"), [f"l{i + 1}" if i + 1 < count else "in"]) for i in range(count)}
    config = graph_config(**layers)
    config["config"]["output_layers"] = [["l0", 0, 0]]
    assert tried(small_files.write_h5(tmp_path / "model.h5", config, {})) == "read"


# Every field of every layer with a value of another type

VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "text",
    [],
    [[]],
    [None, None],
    ["a", "b"],
    [0, 0],
    [-1, -1],
    [10**30, 10**30],
    [1.5, 1.5],
    [[1, 2], [3, 4]],
    [[1], [2, 3, 4]],
    {},
    {"class_name": "ReLU"},
    {"class_name": "ReLU", "config": []},
    {"class_name": "Lambda", "config": {"function": "x"}},
    {"class_name": ["x"], "config": {"config": {}}},
]

# Each family of layers that has arguments of its own, with the shape of a sample and its weights
FIELDS: dict[str, tuple[list[int], dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "Dense": ([4], {"units": 3, "activation": "relu", "use_bias": True}, {"kernel": (4, 3), "bias": (3,)}),
    "Conv2D": (
        [6, 6, 2],
        {
            "filters": 3,
            "kernel_size": [3, 3],
            "strides": [1, 1],
            "padding": "same",
            "data_format": "channels_last",
            "dilation_rate": [1, 1],
            "groups": 1,
            "activation": "relu",
            "use_bias": True,
        },
        {"kernel": (3, 3, 2, 3), "bias": (3,)},
    ),
    "Conv1D": (
        [6, 2],
        {"filters": 3, "kernel_size": [3], "strides": [1], "padding": "causal", "dilation_rate": [1], "groups": 1},
        {"kernel": (3, 2, 3), "bias": (3,)},
    ),
    "Conv2DTranspose": (
        [4, 4, 2],
        {
            "filters": 3,
            "kernel_size": [3, 3],
            "strides": [2, 2],
            "padding": "same",
            "output_padding": None,
            "dilation_rate": [1, 1],
            "activation": "relu",
            "use_bias": True,
        },
        {"kernel": (3, 3, 3, 2), "bias": (3,)},
    ),
    "DepthwiseConv2D": (
        [6, 6, 2],
        {"kernel_size": [3, 3], "strides": [1, 1], "depth_multiplier": 1, "use_bias": True, "activation": "relu"},
        {"depthwise_kernel": (3, 3, 2, 1), "bias": (2,)},
    ),
    "SeparableConv2D": (
        [6, 6, 2],
        {"filters": 3, "kernel_size": [3, 3], "strides": [1, 1], "depth_multiplier": 1, "use_bias": True},
        {"depthwise_kernel": (3, 3, 2, 1), "pointwise_kernel": (1, 1, 2, 3), "bias": (3,)},
    ),
    "MaxPooling2D": ([6, 6, 2], {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": None}, {}),
    "AveragePooling1D": ([6, 2], {"pool_size": [2], "strides": [2], "padding": "valid"}, {}),
    "GlobalAveragePooling2D": ([6, 6, 2], {"data_format": "channels_last", "keepdims": False}, {}),
    "BatchNormalization": (
        [6, 2],
        {"axis": -1, "epsilon": 0.001, "center": True, "scale": True},
        {"gamma": (2,), "beta": (2,), "moving_mean": (2,), "moving_variance": (2,)},
    ),
    "LayerNormalization": (
        [6, 2],
        {"axis": -1, "epsilon": 0.001, "center": True, "scale": True},
        {"gamma": (2,), "beta": (2,)},
    ),
    "GroupNormalization": (
        [6, 4],
        {"groups": 2, "axis": -1, "epsilon": 0.001, "center": True, "scale": True},
        {"gamma": (4,), "beta": (4,)},
    ),
    "UnitNormalization": ([6, 2], {"axis": -1}, {}),
    "Rescaling": ([4], {"scale": 0.5, "offset": 1.0}, {}),
    "Normalization": ([4], {"axis": -1, "mean": [0.0] * 4, "variance": [1.0] * 4, "invert": False}, {}),
    "Activation": ([4], {"activation": "tanh"}, {}),
    "ReLU": ([4], {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.0}, {}),
    "LeakyReLU": ([4], {"negative_slope": 0.1}, {}),
    "PReLU": ([4], {"shared_axes": None}, {"alpha": (4,)}),
    "ELU": ([4], {"alpha": 1.0}, {}),
    "Softmax": ([4], {"axis": -1}, {}),
    "Dropout": ([4], {"rate": 0.5, "noise_shape": None, "seed": 1}, {}),
    "Flatten": ([3, 4], {"data_format": "channels_last"}, {}),
    "Reshape": ([3, 4], {"target_shape": [4, 3]}, {}),
    "Permute": ([3, 4], {"dims": [2, 1]}, {}),
    "RepeatVector": ([4], {"n": 3}, {}),
    "ZeroPadding2D": ([3, 4, 1], {"padding": [[1, 1], [1, 1]], "data_format": "channels_last"}, {}),
    "ZeroPadding1D": ([3, 4], {"padding": [1, 1]}, {}),
    "Cropping2D": ([5, 5, 1], {"cropping": [[1, 1], [1, 1]], "data_format": "channels_last"}, {}),
    "UpSampling2D": ([3, 4, 1], {"size": [2, 2], "interpolation": "bilinear", "data_format": "channels_last"}, {}),
    "Resizing": ([3, 4, 1], {"height": 6, "width": 5, "interpolation": "bilinear"}, {}),
    "Embedding": ([4], {"input_dim": 5, "output_dim": 3, "mask_zero": False}, {"embeddings": (5, 3)}),
    "TimeDistributed": (
        [3, 4],
        {"layer": {"class_name": "Dense", "config": {"name": "inner", "units": 3, "activation": "relu"}}},
        {"kernel": (4, 3), "bias": (3,)},
    ),
    "Bidirectional": (
        [3, 4],
        {
            "layer": {"class_name": "LSTM", "config": {"name": "inner", "units": 3}},
            "backward_layer": {"class_name": "LSTM", "config": {"name": "back", "units": 3}},
            "merge_mode": "concat",
        },
        {},
    ),
}


def one_layer_file(path: Path, layer_type: str, config: dict[str, Any]) -> Path:
    shape, _, weights = FIELDS[layer_type]
    rng = np.random.default_rng(0)
    arrays = {name: rng.random(size, np.float32) for name, size in weights.items()}
    entry = {"class_name": layer_type, "config": {"name": "it", **config}}
    model = sequential(layer("InputLayer", "in", batch_shape=[None, *shape]), entry)
    return small_files.write_h5(path, model, {"it": arrays} if arrays else {})


@pytest.mark.parametrize("layer_type", FIELDS)
def test_any_value_in_any_field_is_an_error_or_converts_and_runs(layer_type, tmp_path):
    path = tmp_path / "model.h5"
    shape, config, _ = FIELDS[layer_type]
    escaped = []
    for field in [*config, "name", "trainable", "dtype"]:
        for value in VALUES:
            one_layer_file(path, layer_type, {**config, field: value})
            try:
                output = spikeport.convert(path).run(small_files.samples(1, tuple(shape)), n_steps=1).output
            except SpikeportError as error:
                if isinstance(error, ConversionError) and error.__cause__ is not None:
                    escaped.append(f"{field}={value!r}: {error.__cause__!r}")  # no handler checked it
                continue
            except Exception as error:
                escaped.append(f"{field}={value!r}: {type(error).__name__}: {error}")
                continue
            if not np.isfinite(output).all():
                escaped.append(f"{field}={value!r}: {output}")
    assert escaped == []


@pytest.mark.parametrize("layer_type", FIELDS)
def test_the_fields_themselves_are_read(layer_type, tmp_path):
    path = one_layer_file(tmp_path / "model.h5", layer_type, FIELDS[layer_type][1])
    assert tried(path) == ("ConversionError" if layer_type == "Bidirectional" else "read")


MERGING = ("Add", "Subtract", "Average", "Multiply", "Maximum", "Minimum", "Concatenate", "Dot", "Attention")


@pytest.mark.parametrize("layer_type", MERGING)
def test_merging_layers_with_strange_inputs_are_an_error_or_are_read(layer_type, tmp_path):
    shapes = ([4], [5], [4, 4], [1, 4], [2, 3, 4])
    path = tmp_path / "model.h5"
    for inputs in ((), (0,), (0, 0), (0, 1), (0, 2), (2, 3), (0, 4), (0, 1, 2)):
        for axis in (*VALUES, 1, -1, [1, 1]):
            layers = {f"i{i}": (layer("InputLayer", f"i{i}", batch_shape=[None, *s]), []) for i, s in enumerate(shapes)}
            merged = layer(layer_type, "merged", axis=axis, axes=axis, normalize=axis)
            config = functional({**layers, "merged": (merged, [f"i{i}" for i in inputs])}, ["merged"])
            tried(small_files.write_h5(path, config, {}, "2.4.0"))


def inbound(nodes: Any) -> dict[str, Any]:
    config = graph_config(a=(layer("ReLU", "a"), ["in"]))
    return changed(config, "config", "layers", 1, "inbound_nodes", to=nodes)


def keras3(history: Any) -> list[Any]:
    return [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": history}}], "kwargs": {}}]


@pytest.mark.parametrize("value", [*VALUES, ["in", 0, 0], ["in", 0], ["in", 10**30, 0], ["in", -1, -1], "in"], ids=repr)
def test_strange_references_are_an_error_or_are_read(value, tmp_path):
    path = tmp_path / "model.h5"
    start = graph_config(a=(layer("ReLU", "a"), ["in"]))
    configs = [inbound(value), inbound([value]), inbound([[value]]), inbound([[[value, 0, 0, {}]]])]
    configs += [inbound(keras3(value)), inbound(keras3(["in", value, 0])), inbound(keras3([value, 0, 0]))]
    configs += [changed(start, "config", key, to=value) for key in ("input_layers", "output_layers", "layers", "name")]
    configs += [changed(start, "config", key, to=[value]) for key in ("input_layers", "output_layers", "layers")]
    configs += [
        changed(start, "config", "layers", 1, key, to=value) for key in ("name", "class_name", "config", "module")
    ]
    configs += [changed(start, "config", "layers", 0, "config", "batch_shape", to=value)]
    configs += [changed(start, key, to=value) for key in ("class_name", "config")]
    for config in configs:
        tried(small_files.write_h5(path, config, {}, "2.4.0"))
        tried(small_files.write_keras(tmp_path / "model.keras", config, {}))


def test_references_nested_beyond_measure_are_an_error(tmp_path):
    deep: Any = ["in", 0, 0]
    for _ in range(300):
        deep = [deep]
    refused(small_files.write_h5(tmp_path / "model.h5", inbound(deep), {}))


# Zip files


def test_a_file_is_told_by_its_content_and_not_by_its_name(tmp_path):
    assert tried(small_files.write_h5(tmp_path / "model.keras")) == "read"
    assert tried(small_files.write_keras(tmp_path / "model.h5")) == "read"


def test_a_member_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path, little_memory):
    for member in ("config.json", "metadata.json", "model.weights.h5"):
        path = tmp_path / "model.keras"
        small_files.write_keras(path)
        members = read_zip(path)
        members[member] = b" " * (200 * 2**20) if member.endswith("json") else b"\0" * (200 * 2**20)
        write_zip(path, members, zipfile.ZIP_DEFLATED)
        del members
        tracemalloc.reset_peak()
        refused(path, "plausible size|at most")


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_read(compression, small_keras, tmp_path):
    assert tried(write_zip(tmp_path / "model.keras", read_zip(small_keras), compression)) == "read"


@pytest.mark.parametrize("member", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_missing_member_is_named(member, small_keras, tmp_path):
    members = read_zip(small_keras)
    del members[member]
    refused(write_zip(tmp_path / "model.keras", members), member)


def test_a_zip_without_members_is_refused(tmp_path):
    path = write_zip(tmp_path / "model.keras", {})
    refused(path)
    refused(write_zip(path, {"readme.txt": b"nothing"}))


def test_other_members_are_ignored_whatever_they_hold(tmp_path, canary):
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (canary,))

    extra = {
        "evil.pkl": pickle.dumps(Runs()),
        "../../outside.txt": b"outside",
        "/tmp/outside.txt": b"outside",
        "config.json.py": b"raise SystemExit",
        "model.weights.h5/../x": b"",
    }
    before = sorted(tmp_path.parent.iterdir())
    assert tried(small_files.write_keras(tmp_path / "model.keras", extra=extra)) == "read"
    assert sorted(tmp_path.parent.iterdir()) == before


def test_an_encrypted_member_is_refused(small_keras, tmp_path):
    data = bytearray(small_keras.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(signature, place + 1)
    path = tmp_path / "model.keras"
    path.write_bytes(data)
    refused(path)


def test_weights_that_are_no_hdf5_are_refused(small_keras, tmp_path):
    members = read_zip(small_keras)
    for data in (b"", b"text", members["model.weights.h5"][:-900], members["config.json"]):
        path = write_zip(tmp_path / "model.keras", {**members, "model.weights.h5": data})
        assert tried(path) == "SourceError"


# Code in files


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that code in a model would make."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


def marshalled(canary: Path) -> list[Any]:
    """A Lambda's function as Keras 2 writes it: marshalled bytecode, defaults, closure."""
    import base64

    code = compile(f"open({str(canary)!r}, 'w').close()", "<lambda>", "exec")
    return [base64.b64encode(marshal.dumps(code)).decode(), None, None]


def test_code_in_a_lambda_is_never_run(canary, tmp_path):
    code = marshalled(canary)
    forms = [
        {"function": code, "function_type": "lambda", "module": "os"},
        {"function": {"class_name": "__lambda__", "config": {"code": code[0], "defaults": None, "closure": None}}},
        {
            "function": "system",
            "function_type": "function",
            "module": "os",
            "arguments": {"command": f"touch {canary}"},
        },
        {"function": code, "output_shape": code, "output_shape_type": "lambda", "mask": code},
    ]
    for config in forms:
        model = sequential(layer("InputLayer", "in", batch_shape=[None, 4]), layer("Lambda", "code", **config))
        for path in (
            small_files.write_h5(tmp_path / "model.h5", model, {}),
            small_files.write_keras(tmp_path / "model.keras", model, {}),
        ):
            with pytest.raises(ConversionError, match=r"code \(Lambda\)"):
                spikeport.convert(path)


@pytest.mark.parametrize(
    ("module", "class_name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("small_files", "canary"), ("", "os.system")],
)
def test_custom_classes_are_never_imported(module, class_name, canary, tmp_path):
    entry = {
        "module": module,
        "class_name": class_name,
        "registered_name": f"{module}>{class_name}",
        "config": {"name": "it", "command": f"touch {canary}", "args": f"touch {canary}"},
        "build_config": {"class_name": class_name, "config": {"command": f"touch {canary}"}},
    }
    model = sequential(layer("InputLayer", "in", batch_shape=[None, 4]), entry)
    with pytest.raises(ConversionError, match=r"it \("):
        spikeport.convert(small_files.write_keras(tmp_path / "model.keras", model, {}))
    model["compile_config"] = {"optimizer": {"module": module, "class_name": class_name, "config": {}}}
    model["config"]["layers"][1] = layer("ReLU", "it")
    assert tried(small_files.write_keras(tmp_path / "model.keras", model, {})) == "read"


@pytest.mark.parametrize("activation", ["eval", "os.system", "__import__", "../relu", "relu;import os"])
def test_activations_are_names_in_a_table(activation, tmp_path):
    config = changed(small_config(), "config", "layers", 1, "config", "activation", to=activation)
    refused(small_files.write_h5(tmp_path / "model.h5", config), "activation")


def test_a_pickle_under_a_models_name_is_refused(canary, tmp_path):
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (canary,))

    for name in ("model.h5", "model.keras"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Runs()))
        refused(path)


# Odd paths


@pytest.mark.parametrize("name", ["a\0b.h5", "x" * 400 + ".h5", "", ".", "no/such/folder/m.h5"])
def test_paths_that_name_no_file_are_refused(name, capsys):
    with pytest.raises(SourceError):
        spikeport.check(name)
    assert main(["check", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs Unix devices")
def test_devices_are_refused():
    for name in ("/dev/null", "/dev/zero"):
        with pytest.raises(SourceError):
            spikeport.check(name)


# Damage at random


def cuts(size: int) -> list[int]:
    return [*range(0, 64, 8), *range(64, size, max(1, size // 60)), size - 1]


@pytest.mark.parametrize("kind", ["h5", "keras"])
def test_every_cut_is_an_error(kind, small_h5, small_keras, tmp_path):
    data = (small_h5 if kind == "h5" else small_keras).read_bytes()
    path = tmp_path / f"model.{kind}"
    for end in cuts(len(data)):
        path.write_bytes(data[:end])
        assert tried(path) in ("SourceError", "ConversionError"), f"cut to {end} bytes"


def small_bytes(kind: str) -> bytes:
    """The bytes of the small model's file, for tests that run too often for fixtures."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write = small_files.write_h5 if kind == "h5" else small_files.write_keras
        return write(Path(folder) / "model").read_bytes()


BYTES = {kind: small_bytes(kind) for kind in ("h5", "keras")}
OFTEN = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@OFTEN
@given(
    kind=st.sampled_from(["h5", "keras"]),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    ),
)
def test_random_bytes_in_a_file_are_an_error_or_a_model(kind, changes, tmp_path):
    data = bytearray(BYTES[kind])
    for place, new in changes:
        start = int(place * len(data))
        data[start : start + len(new)] = new
    path = tmp_path / f"model.{kind}"
    path.write_bytes(bytes(data))
    tried(path)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["Dense", "conv"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a config."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


GRAPH = graph_config(
    a=(layer("Dense", "a", units=4, activation={"class_name": "ReLU", "config": {"max_value": 6}}), ["in"]),
    b=(graph_config(inner=(layer("ReLU", "inner"), ["in"])), ["a"]),
    c=(layer("Concatenate", "c", axis=-1), ["a", "b"]),
)
CONFIGS = [small_config(), GRAPH]


@OFTEN
@given(which=st.integers(0, 1), data=st.data())
def test_random_values_in_a_config_are_an_error_or_a_model(which, data, tmp_path):
    config = copy.deepcopy(CONFIGS[which])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(config)))
        config = changed(config, *path, to=data.draw(JSON_VALUES))
    version = data.draw(st.sampled_from(["3.8.0", "2.4.0", "1.2.2", ""]))
    if data.draw(st.booleans()):
        tried(small_files.write_h5(tmp_path / "model.h5", json.dumps(config), version=version))
    else:
        tried(small_files.write_keras(tmp_path / "model.keras", json.dumps(config)))
