"""The .h5 files of Keras 2 and 3: the config in an attribute, weights in a group for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from ...errors import SourceError
from ..ops.base import Array
from .config_json import parse_config
from .hdf5 import child_group, names_attribute, read_array, text_attribute
from .topology import MODEL_TYPES
from .versions import normalised
from .weight_names import weight_names

__all__ = ["LegacyH5Weights", "model_config"]


def model_config(file: h5py.File, origin: str) -> tuple[Mapping[str, Any], str]:
    """Return a whole-model file's config and the Keras version that wrote it.

    Raises
    ------
    SourceError
        When the file holds weights only, or something else.
    """
    text = text_attribute(file, "model_config", origin)
    if text is None:
        if any(sign in file.attrs for sign in ("layer_names", "layer_names0")) or "layers" in file:
            raise SourceError(
                f"{origin}: holds weights only, without the model's architecture; "
                "load them into the model in Keras and save it whole: model.save('model.keras')"
            )
        raise SourceError(f"{origin}: expected a Keras model, received an HDF5 file without a model_config attribute")
    version = text_attribute(file, "keras_version", origin)
    weights = child_group(file, "model_weights", origin)
    if version is None and weights is not None:
        version = text_attribute(weights, "keras_version", origin)
    return parse_config(text, origin), version or ""


class LegacyH5Weights:
    """The weights of a whole-model .h5 file.

    A layer's group lists its arrays in ``weight_names``: the trained ones first, then the others. The group of a nested
    model lists those of all its layers that way.
    """

    def __init__(self, file: h5py.File, model: Mapping[str, Any], version: str, origin: str) -> None:
        group = child_group(file, "model_weights", origin)
        if group is None:
            raise SourceError(f"{origin}: expected a group model_weights, found none")
        self._group, self._origin = group, origin
        backend = text_attribute(group, "backend", origin) or text_attribute(file, "backend", origin)
        self._flipped = backend == "theano"
        self._nested: dict[str, dict[tuple[str, ...], list[str]]] = {}
        for layer in _layers(model):
            if layer["class_name"] in MODEL_TYPES:
                name = _name(layer)
                self._nested[name] = _nested_names(layer, (name,), self._names(name), version)

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name."""
        names = self._names(path[0]) if len(path) == 1 else self._nested.get(path[0], {}).get(path, [])
        group = child_group(self._group, path[0], self._origin)
        if group is None or not names:
            return {}
        by_leaf = {_leaf(name): name for name in names}
        expected = weight_names(layer_type, config)
        wanted = tuple(by_leaf) if expected is None else (*expected[0], *expected[1])
        stored = [by_leaf[name] for name in wanted] if set(wanted) <= set(by_leaf) else names
        arrays = {name: read_array(group, place, self._origin) for name, place in zip(wanted, stored, strict=False)}
        if self._flipped and layer_type.startswith("Conv") and "kernel" in arrays:
            arrays["kernel"] = _rotated(arrays["kernel"])
        return arrays

    def _names(self, layer: str) -> list[str]:
        group = child_group(self._group, layer, self._origin)
        return [] if group is None else names_attribute(group, "weight_names")


def _rotated(kernel: Array) -> Array:
    """Return a kernel turned by 180°: Theano convolved where TensorFlow correlates."""
    window = kernel.ndim - 2
    return np.ascontiguousarray(kernel[(slice(None, None, -1),) * window])


def _leaf(name: str) -> str:
    """Return the last part of ``"conv1/kernel:0"``: "kernel"."""
    return name.rsplit("/", 1)[-1].split(":")[0]


def _layers(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, Mapping) else config
    return [x for x in layers if isinstance(x, Mapping) and "class_name" in x] if isinstance(layers, list) else []


def _name(layer: Mapping[str, Any]) -> str:
    config = layer.get("config")
    inner = config.get("name") if isinstance(config, Mapping) else None
    return str(layer.get("name") or inner or "")


def _nested_names(
    model: Mapping[str, Any], path: tuple[str, ...], names: list[str], version: str
) -> dict[tuple[str, ...], list[str]]:
    """Share out a nested model's list of arrays among its layers: the trained ones of all layers, then the others."""
    trained: list[tuple[tuple[str, ...], str]] = []
    fixed: list[tuple[tuple[str, ...], str]] = []

    def collect(inside: Mapping[str, Any], where: tuple[str, ...], trainable: bool) -> None:
        for layer in _layers(inside):
            here = (*where, _name(layer))
            config = layer.get("config")
            is_trained = trainable and not (isinstance(config, Mapping) and config.get("trainable") is False)
            if layer["class_name"] in MODEL_TYPES:
                collect(layer, here, is_trained)
                continue
            plain = normalised(layer["class_name"], config if isinstance(config, Mapping) else {}, version)
            own = weight_names(*plain)
            if own is None:
                continue
            (trained if is_trained else fixed).extend((here, name) for name in own[0])
            fixed.extend((here, name) for name in own[1])

    collect(model, path, True)
    slots = [*trained, *fixed]
    shared: dict[tuple[str, ...], list[str]] = {}
    by_layer = {tuple(name.split(":")[0].split("/")[-2:]): name for name in names if "/" in name}
    if len(by_layer) == len(names) and all((where[-1], leaf) in by_layer for where, leaf in slots):
        ordered = [by_layer[(where[-1], leaf)] for where, leaf in slots]
    else:
        ordered = names
    for (where, _), name in zip(slots, ordered, strict=False):
        shared.setdefault(where, []).append(name)
    return shared
