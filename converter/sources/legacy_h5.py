"""The .h5 files of Keras 1, 2 and 3: the config in an attribute, weights in a group for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py

from ...errors import SourceError
from ..ops.base import Array
from .config_json import parse_config
from .grouped_weights import has_grouped_weights
from .hdf5 import child_group, has_attribute, member_names, names_attribute, read_array, text_attribute
from .nesting import MAX_DEPTH, MODEL_TYPES, layer_entries
from .spelling import Writer
from .versions import class_name, normalised, version_of, weights_as_keras3
from .weight_names import weight_names
from .wrappers import masked

__all__ = ["LegacyH5Weights", "model_config", "weights_group", "writer_of"]


def model_config(file: h5py.File, origin: str) -> Mapping[str, Any] | None:
    """Return a whole-model file's config; None for a file that holds weights only.

    Raises
    ------
    SourceError
        When the file holds neither.
    """
    text = text_attribute(file, "model_config", origin)
    if text is not None:
        return parse_config(text, origin)
    if _holds_layers(file, origin) or has_grouped_weights(file, origin):
        return None
    raise SourceError(f"{origin}: expected a Keras model, received an HDF5 file without a model_config attribute")


def weights_group(file: h5py.File, origin: str) -> h5py.Group:
    """Return the group that holds a group for each layer: ``model_weights``, or a weights-only file itself.

    Raises
    ------
    SourceError
        When there is none.
    """
    group = child_group(file, "model_weights", origin)
    if group is not None:
        return group
    if _holds_layers(file, origin):
        return file
    raise SourceError(f"{origin}: expected a group model_weights, found none")


def _holds_layers(file: h5py.File, origin: str) -> bool:
    return any(has_attribute(file, sign, origin) for sign in ("layer_names", "layer_names0", "nb_layers"))


def writer_of(file: h5py.File, config: Mapping[str, Any], origin: str) -> Writer:
    """Return what wrote a file.

    Files of Keras 1 do not name the backend; but TensorFlow's variables end in ``:0``, and Theano's do not.
    """
    group = child_group(file, "model_weights", origin)
    places = [place for place in (file, group) if place is not None]

    def stated(name: str) -> str:
        found = (text_attribute(place, name, origin) for place in places)
        return next((text for text in found if text), "")

    version = version_of(stated("keras_version") or str(config.get("keras_version") or ""), config)
    backend = stated("backend") or str(config.get("backend") or "")
    if not backend and Writer(version).is_keras1:
        holder = group if group is not None else file
        names = [name for layer in member_names(holder, origin) for name in _array_names(holder, layer, origin)]
        backend = "tensorflow" if any(name.endswith(":0") for name in names) else "theano"
    return Writer(version, backend)


class LegacyH5Weights:
    """The weights of a .h5 file, in a group for each layer of the outermost model.

    A layer's group lists its arrays in ``weight_names``: the trained ones first, then the others. The group of a nested
    model, or of a TimeDistributed one, lists those of all its layers that way.

    Parameters
    ----------
    group
        What `weights_group` returned.
    """

    def __init__(self, group: h5py.Group, model: Mapping[str, Any], writer: Writer, origin: str) -> None:
        self._group, self._writer, self._origin = group, writer, origin
        layers = layer_entries(model)
        self._places = _places(group, layers, writer, origin)
        self._nested: dict[str, dict[tuple[str, ...], list[str]]] = {}
        for layer in layers:
            inside = _model_inside(layer)
            if inside is not None:
                name = _name(layer)
                self._nested[name] = _nested_names(inside, (name,), self._names(name), writer)

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name."""
        first = path[0]
        if len(path) > 1 and child_group(self._group, self._place(first), self._origin) is None:
            first, path = path[-1], path[-1:]  # Keras 1 kept the branches of a Merge beside one another
        names = self._names(first) if len(path) == 1 else self._nested.get(first, {}).get(path, [])
        group = child_group(self._group, self._place(first), self._origin)
        if group is None or not names:
            return {}
        by_leaf = {_leaf(name): name for name in names}
        expected = weight_names(layer_type, config)
        if expected is None:
            wanted = tuple(by_leaf) if len(by_leaf) == len(names) else tuple(n.split(":")[0] for n in names)
        else:
            wanted = (*expected[0], *expected[1])
        stored = [by_leaf[name] for name in wanted] if set(wanted) <= set(by_leaf) else names
        arrays = {name: read_array(group, place, self._origin) for name, place in zip(wanted, stored, strict=False)}
        masks = [name for name in names if _leaf(name).rstrip("_0123456789") == "mask"]
        if masks:
            arrays = masked(config, arrays, [read_array(group, name, self._origin) for name in masks])
        return weights_as_keras3(layer_type, config, arrays, self._writer)

    def _place(self, layer: str) -> str:
        return self._places.get(layer, layer)

    def _names(self, layer: str) -> list[str]:
        return _array_names(self._group, self._place(layer), self._origin)


def _array_names(holder: h5py.Group, place: str, origin: str) -> list[str]:
    """Return the names of a layer's arrays in order."""
    group = child_group(holder, place, origin)
    if group is None:
        return []
    if has_attribute(group, "nb_params", origin):  # Keras before 1.0
        return sorted((n for n in member_names(group, origin) if n.startswith("param_")), key=lambda n: (len(n), n))
    return names_attribute(group, "weight_names", origin)


def _places(group: h5py.Group, layers: list[Mapping[str, Any]], writer: Writer, origin: str) -> dict[str, str]:
    """Return layer → group, where a file of weights only was written by a model with other names: by their order."""
    if has_attribute(group, "nb_layers", origin):
        return {_name(layer): f"layer_{index}" for index, layer in enumerate(layers)}
    stored = [name for name in names_attribute(group, "layer_names", origin) if _array_names(group, name, origin)]
    named = {_name(layer) for layer in layers}
    if set(stored) <= named:
        return {}
    weighted = [_name(layer) for layer in layers if _has_weights(layer, writer)]
    return dict(zip(weighted, stored, strict=True)) if len(weighted) == len(stored) else {}


def _has_weights(layer: Mapping[str, Any], writer: Writer) -> bool:
    inside = _model_inside(layer)
    if inside is not None:
        return any(_has_weights(inner, writer) for inner in layer_entries(inside))
    config = layer.get("config")
    done = normalised(class_name(layer), config if isinstance(config, Mapping) else {}, writer)
    own = weight_names(done.layer_type, done.config)
    return own is not None and bool(own[0] or own[1])


def _model_inside(layer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the model that a layer is or, as TimeDistributed can, holds."""
    if layer["class_name"] in MODEL_TYPES:
        return layer
    config = layer.get("config")
    inner = config.get("layer") if isinstance(config, Mapping) else None
    return inner if isinstance(inner, Mapping) and inner.get("class_name") in MODEL_TYPES else None


def _leaf(name: str) -> str:
    """Return the last part of ``"conv1/kernel:0"``: "kernel"."""
    return name.rsplit("/", 1)[-1].split(":")[0]


def _name(layer: Mapping[str, Any]) -> str:
    config = layer.get("config")
    inner = config.get("name") if isinstance(config, Mapping) else None
    return str(layer.get("name") or inner or "")


def _nested_names(
    model: Mapping[str, Any], path: tuple[str, ...], names: list[str], writer: Writer
) -> dict[tuple[str, ...], list[str]]:
    """Share out a nested model's list of arrays among its layers: the trained ones of all layers, then the others."""
    trained: list[tuple[tuple[str, ...], str]] = []
    fixed: list[tuple[tuple[str, ...], str]] = []

    def collect(inside: Mapping[str, Any], where: tuple[str, ...], trainable: bool) -> None:
        for layer in layer_entries(inside) if len(where) <= MAX_DEPTH else []:
            here = (*where, _name(layer))
            config = layer.get("config")
            is_trained = trainable and not (isinstance(config, Mapping) and config.get("trainable") is False)
            nested = _model_inside(layer)
            if nested is not None:
                collect(nested, here, is_trained)
                continue
            done = normalised(class_name(layer), config if isinstance(config, Mapping) else {}, writer)
            own = weight_names(done.layer_type, done.config)
            if own is None:
                continue
            (trained if is_trained else fixed).extend((here, name) for name in own[0])
            fixed.extend((here, name) for name in own[1])

    collect(model, path, True)
    slots = [*trained, *fixed]
    by_layer = {tuple(name.split(":")[0].split("/")[-2:]): name for name in names if "/" in name}
    shared: dict[tuple[str, ...], list[str]] = {}
    if len(by_layer) == len(names) and all((where[-1], leaf) in by_layer for where, leaf in slots):
        ordered = [by_layer[(where[-1], leaf)] for where, leaf in slots]
    elif len(slots) == len(names):
        ordered = names
    else:  # a layer whose weights are not known takes part: nothing is certain but names
        slots = [(where, leaf) for where, leaf in slots if (where[-1], leaf) in by_layer]
        ordered = [by_layer[(where[-1], leaf)] for where, leaf in slots]
    for (where, _), name in zip(slots, ordered, strict=True):
        shared.setdefault(where, []).append(name)
    return shared
