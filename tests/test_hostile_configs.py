"""Configs that contradict themselves: each ends in one of our errors, in .h5 and in .keras files."""

from __future__ import annotations

from typing import Any

import pytest

import small_files
from hostile_files import VALUES, graph_config, refused, tried
from small_files import changed, functional, layer, sequential


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
