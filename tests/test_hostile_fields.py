"""Every field of every layer and op with a value of another type: an error, or it converts and runs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import small_files
import spikeport
from hostile_files import VALUES, tried
from op_cases import CASES, graph_of
from small_files import changed, layer, sequential
from spikeport import ConversionError, SpikeportError
from spikeport.converter.report import Report

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


@pytest.mark.parametrize(("op", "shapes"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_any_value_in_any_field_of_a_saved_op_is_an_error_or_runs(op, shapes, tmp_path):
    if op.kind == "HostLayer":  # made by Keras, from a table of arguments
        return
    path = tmp_path / "net.h5"
    report = Report(model="model", layers=())
    spikeport.SpikingNetwork(graph=graph_of(op, shapes), report=report, target_steps=2).save(path)
    with h5py.File(path) as file:
        structure = json.loads(file["structure"][()].tobytes())
    place = next(i for i, node in enumerate(structure["nodes"]) if node["name"] == "op")
    x = [small_files.samples(2, shape) for shape in shapes]
    for field in structure["nodes"][place]["fields"]:
        for value in [*VALUES, [9, 9], [[9, 9], [9, 9]], [5, 5, 5], -9, {"array": "0"}, {"array": "../structure"}]:
            spoiled = changed(structure, "nodes", place, "fields", field, to=value)
            with h5py.File(path, "r+") as file:
                del file["structure"]
                file["structure"] = np.frombuffer(json.dumps(spoiled).encode(), np.uint8)
            with contextlib.suppress(SpikeportError):
                spikeport.load(path).run(x if len(x) > 1 else x[0], n_steps=2)
