"""Files as Keras 1, Keras 2 and tf.keras wrote them, made with h5py and zipfile: no Keras is needed for it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Config = dict[str, Any]
Arrays = Sequence[tuple[str, np.ndarray]]  # the names and values of a layer's weights, in order


def layer(class_name: str, name: str, **arguments: Any) -> Config:
    """One entry of a list of layers."""
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **arguments}}


def sequential(*layers: Config) -> Config:
    """A Sequential model as it was before Keras 2.2.3: its config is the list of its layers."""
    return {"class_name": "Sequential", "config": list(layers)}


def functional(*layers: Config, inputs: Sequence[str], outputs: Sequence[str], kind: str = "Model") -> Config:
    """A model with a graph; each layer has its ``inbound_nodes`` by `reading`."""
    for entry in layers:
        entry.setdefault("inbound_nodes", [])
        entry["name"] = entry["config"]["name"]
    config = {
        "name": "graph",
        "layers": list(layers),
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    return {"class_name": kind, "config": config}


def reading(entry: Config, *sources: str) -> Config:
    """The layer, reading others as Keras 1 and 2 write it."""
    return {**entry, "inbound_nodes": [[[source, 0, 0] for source in sources]]}


def write_h5(
    path: Path,
    model: Config | None,
    weights: Mapping[str, Arrays],
    *,
    version: str | None = "1.2.2",
    backend: str | None = None,
) -> Path:
    """A whole-model file; of weights only where there is no model."""
    with h5py.File(path, "w") as file:
        group: h5py.Group = file
        if model is not None:
            file.attrs["model_config"] = json.dumps(model).encode()
            group = file.create_group("model_weights")
        for name, value in (("keras_version", version), ("backend", backend)):
            if value is not None:
                file.attrs[name] = value.encode()
                group.attrs[name] = value.encode()
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            place = group.create_group(name)
            place.attrs["weight_names"] = [n.encode() for n, _ in arrays]
            for array_name, value in arrays:
                place.create_dataset(array_name, data=np.asarray(value, np.float32))
    return path


def write_zip(path: Path, model: Config, arrays: Mapping[str, np.ndarray], *, version: str) -> Path:
    """A .keras file; the arrays by their whole names, in which a backslash is a backslash."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, value in arrays.items():
            file.create_dataset(name, data=value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path


def correlated(x: np.ndarray, kernel: np.ndarray, strides: int = 1) -> np.ndarray:
    """A convolution as TensorFlow has it, of channels-last ``x`` with a kernel (window…, channels, filters)."""
    rank = kernel.ndim - 2
    places = [range(0, n - k + 1, strides) for n, k in zip(x.shape[1:-1], kernel.shape[:rank], strict=True)]
    out = np.zeros((len(x), *map(len, places), kernel.shape[-1]))
    for index in np.ndindex(*map(len, places)):
        start = [places[axis][i] for axis, i in enumerate(index)]
        window = x[(slice(None), *(slice(s, s + k) for s, k in zip(start, kernel.shape[:rank], strict=True)))]
        out[(slice(None), *index)] = np.tensordot(window, kernel, rank + 1)
    return out


def convolved(x: np.ndarray, kernel: np.ndarray, strides: int = 1) -> np.ndarray:
    """The same as Theano has it: a true convolution, the kernel's first value meets the window's last."""
    rank = kernel.ndim - 2
    places = [range(0, n - k + 1, strides) for n, k in zip(x.shape[1:-1], kernel.shape[:rank], strict=True)]
    out = np.zeros((len(x), *map(len, places), kernel.shape[-1]))
    for index in np.ndindex(*map(len, places)):
        for offset in np.ndindex(*kernel.shape[:rank]):
            at = [places[a][i] + kernel.shape[a] - 1 - o for a, (i, o) in enumerate(zip(index, offset, strict=True))]
            out[(slice(None), *index)] += x[(slice(None), *at)] @ kernel[offset]
    return out


def spread(x: np.ndarray, kernel: np.ndarray, strides: int) -> np.ndarray:
    """A transposed convolution, valid: each value adds the kernel (window…, filters, channels), times itself."""
    window = kernel.shape[:2]
    shape = [(n - 1) * strides + k for n, k in zip(x.shape[1:3], window, strict=True)]
    out = np.zeros((len(x), *shape, kernel.shape[2]))
    for i, j in np.ndindex(*x.shape[1:3]):
        part = np.einsum("nc,hwfc->nhwf", x[:, i, j], kernel)
        out[:, i * strides : i * strides + window[0], j * strides : j * strides + window[1]] += part
    return out
