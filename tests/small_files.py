"""A small model's files, written without Keras: quick to make, and easy to spoil.

An image 6 × 6 goes through Conv2D, MaxPooling2D, Flatten and a Dense softmax over 4 classes.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Config = dict[str, Any]
Weights = Mapping[str, Mapping[str, np.ndarray]]  # layer → weight name → value

KERAS_VERSION = "3.8.0"


def layer(class_name: str, name: str, **arguments: Any) -> Config:
    """One entry of a config's list of layers."""
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **arguments}}


def sequential(*layers: Config, name: str = "small") -> Config:
    """The config of a Sequential model."""
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def functional(layers: Mapping[str, tuple[Config, list[str]]], outputs: list[str]) -> Config:
    """The config of a Functional model as Keras 2 writes it: layer name → (entry, names of the layers it reads)."""
    entries = []
    for name, (entry, reads) in layers.items():
        nodes = [[[source, 0, 0, {}] for source in reads]] if reads else []
        entries.append({**entry, "name": name, "inbound_nodes": nodes})
    inputs = [[name, 0, 0] for name, (entry, _) in layers.items() if entry["class_name"] == "InputLayer"]
    model = {
        "name": "graph",
        "layers": entries,
        "input_layers": inputs,
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    return {"class_name": "Functional", "config": model}


def small_config() -> Config:
    """The config of the small model, a new one at each call."""
    return sequential(
        layer("InputLayer", "image", batch_shape=[None, 6, 6, 1], dtype="float32"),
        layer("Conv2D", "conv", filters=3, kernel_size=[3, 3], padding="same", activation="relu", use_bias=True),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], padding="valid"),
        layer("Flatten", "flat"),
        layer("Dense", "scores", units=4, activation="softmax", use_bias=True),
    )


def small_weights() -> dict[str, dict[str, np.ndarray]]:
    """The weights of the small model: the same at every call."""
    rng = np.random.default_rng(5)
    return {
        "conv": {"kernel": rng.normal(size=(3, 3, 1, 3)), "bias": rng.normal(size=3) / 4},
        "scores": {"kernel": rng.normal(size=(27, 4)) / 3, "bias": rng.normal(size=4) / 4},
    }


def samples(count: int, shape: tuple[int, ...] = (6, 6, 1)) -> np.ndarray:
    """Images from 0 to 1: the same at every call."""
    return np.random.default_rng(1).random((count, *shape), np.float32)


def changed(config: Config, *path: str | int, to: Any) -> Config:
    """A copy of a config with the value at a path replaced."""
    result = copy.deepcopy(config)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return result


def write_h5(path: Path, config: Any = None, weights: Weights | None = None, version: str = KERAS_VERSION) -> Path:
    """Write a whole-model .h5 file; ``config`` may be text that is not JSON."""
    config = small_config() if config is None else config
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file.attrs["keras_version"] = version
        file.attrs["backend"] = "tensorflow"
        _write_h5_weights(file.create_group("model_weights"), small_weights() if weights is None else weights)
    return path


def _write_h5_weights(group: h5py.Group, weights: Weights) -> None:
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for layer_name, arrays in weights.items():
        place = group.create_group(layer_name)
        names = [f"{layer_name}/{name}:0" for name in arrays]
        place.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays.values(), strict=True):
            place.create_dataset(name, data=array.astype(np.float32))


def write_keras(
    path: Path, config: Any = None, weights: Weights | None = None, extra: Mapping[str, bytes] | None = None
) -> Path:
    """Write a .keras file; ``weights`` by the names of the groups that Keras 3 makes, ``extra`` members by name."""
    weights = {"conv2d": small_weights()["conv"], "dense": small_weights()["scores"]} if weights is None else weights
    members = {
        "metadata.json": json.dumps({"keras_version": KERAS_VERSION}).encode(),
        "config.json": (
            config if isinstance(config, str) else json.dumps(small_config() if config is None else config)
        ).encode(),
        "model.weights.h5": keras_weights(weights),
        **(extra or {}),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def keras_weights(weights: Weights) -> bytes:
    """The member model.weights.h5 of a .keras file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group, arrays in weights.items():
            for index, array in enumerate(arrays.values()):
                file.create_dataset(f"layers/{group}/vars/{index}", data=array.astype(np.float32))
    return buffer.getvalue()
