"""Weights in a group for each layer: inside .keras files, and in .weights.h5 files, of Keras 2.12 and later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import h5py

from ..ops.base import Array
from .hdf5 import child_group, member_names, read_array
from .keras_layers import OPERATION_MODULES
from .nesting import MAX_DEPTH, MODEL_TYPES, layer_entries
from .spelling import Writer
from .versions import weights_as_keras3
from .weight_names import weight_names
from .wrappers import masked

__all__ = ["GroupedWeights", "has_grouped_weights"]

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the second: Keras 2.12 and 2.13
_ATTENTION = ("MultiHeadAttention", "GroupQueryAttention")
_ATTENTION_GROUPS = ("query_dense", "key_dense", "value_dense", "output_dense")  # Keras 2: with a line before
_SIDES = ("forward_layer", "backward_layer")


def has_grouped_weights(file: h5py.File, origin: str) -> bool:
    """Say whether a file holds weights in this layout."""
    return any(re.split(r"[\\/]", name)[0] in _CONTAINERS for name in member_names(file, origin))


class GroupedWeights:
    """The weights of a model's layers, each in a group of its own.

    Layers lie in their model's group ``layers`` under their class name in snake case, with a number from the second
    of a class on; arrays under ``vars/0``, ``vars/1`` … in the order in which the layer keeps them. Keras 2.12 and 2.13
    called the group ``_layer_checkpoint_dependencies`` and left out numbers; on Windows they wrote a backslash for
    every slash but the last.
    """

    def __init__(self, file: h5py.File, model: Mapping[str, Any], writer: Writer, origin: str) -> None:
        self._file, self._writer, self._origin = file, writer, origin
        self._names = tuple(member_names(file, origin))
        self._container = next((c for c in _CONTAINERS if any(n.startswith(c) for n in self._names)), _CONTAINERS[0])
        self._groups: dict[tuple[str, ...], str] = {}
        self._index(model, (), "")

    def _index(self, model: Mapping[str, Any], path: tuple[str, ...], group: str) -> None:
        container = group + self._container
        used: dict[str, int] = {}
        for layer in layer_entries(model) if len(path) < MAX_DEPTH else []:
            if str(layer.get("module")).startswith(OPERATION_MODULES):
                continue
            inner = layer.get("config")
            name = layer.get("name") or (inner.get("name") if isinstance(inner, Mapping) else "")
            stem = snake_case(layer["class_name"])
            count = used.get(stem, 0)
            used[stem] = count + 1
            here = f"{container}/{self._member(container, stem, count)}"
            key = (*path, str(name))
            self._groups[key] = here
            wrapped = inner.get("layer") if isinstance(inner, Mapping) else None
            if layer["class_name"] in MODEL_TYPES:
                self._index(layer, key, here + "/")
            elif isinstance(wrapped, Mapping) and wrapped.get("class_name") in MODEL_TYPES:
                self._index(wrapped, key, here + "/layer/")

    def _member(self, container: str, stem: str, count: int) -> str:
        """Return the name of the group of the count-th layer of a class."""
        if self._container == _CONTAINERS[0]:
            return f"{stem}_{count}" if count else stem
        numbered = {}
        for name in self._members(container):
            match = re.fullmatch(rf"{re.escape(stem)}(?:_(\d+))?", name)
            if match:
                numbered[int(match[1] or 0)] = name
        in_order = [numbered[number] for number in sorted(numbered)]
        return in_order[count] if count < len(in_order) else f"{stem}_{count}"

    def _members(self, container: str) -> Iterator[str]:
        group = child_group(self._file, container, self._origin)
        if group is not None:
            yield from member_names(group, self._origin)
        start = container.replace("/", "\\") + "\\"
        yield from (name[len(start) :].split("\\")[0] for name in self._names if name.startswith(start))

    def _group(self, place: str) -> h5py.Group | None:
        found = child_group(self._file, place, self._origin)
        if found is None and "\\" not in place:
            found = child_group(self._file, place.replace("/", "\\"), self._origin)
        return found

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name."""
        place = self._groups.get(path)
        if place is None:
            return {}
        if config.get("unwrapped_from"):
            arrays = self._arrays(f"{place}/layer", layer_type, config)
            own = self._vars(place)
            arrays = masked(config, arrays, [value for value in own if value.ndim >= 2])
        else:
            arrays = self._arrays(place, layer_type, config)
        return weights_as_keras3(layer_type, config, arrays, self._writer)

    def _arrays(self, place: str, layer_type: str, config: Mapping[str, Any]) -> dict[str, Array]:
        inner = config.get("layer")
        if layer_type in ("EachStep", "TimeDistributed") and isinstance(inner, Mapping):
            return self._arrays(f"{place}/layer", str(inner.get("class_name")), _config(inner))
        if layer_type == "Bidirectional" and isinstance(inner, Mapping):
            return {
                f"{side}/{name}": value
                for side in _SIDES
                for name, value in self._arrays(f"{place}/{side}", str(inner["class_name"]), _config(inner)).items()
            }
        names = weight_names(layer_type, config)
        if names is None:
            return dict(self._everything(place, "", 0))
        if layer_type in _ATTENTION:
            found = [self._vars(f"{place}/{part}") or self._vars(f"{place}/_{part}") for part in _ATTENTION_GROUPS]
            return dict(zip(names[0], (value for part in found for value in part), strict=False))
        values = self._vars(place) or self._vars(f"{place}/cell")
        return dict(zip((*names[0], *names[1]), values, strict=False))

    def _vars(self, place: str) -> list[Array]:
        group = self._group(place)
        held = child_group(group, "vars", self._origin) if group is not None else None
        if held is None:
            return []
        numbers = [name for name in member_names(held, self._origin) if name.isdecimal()]
        return [read_array(held, name, self._origin) for name in sorted(numbers, key=int)]

    def _everything(self, place: str, prefix: str, depth: int) -> Iterator[tuple[str, Array]]:
        """Yield the arrays of a layer that is not known, by number, those of layers inside it behind their names."""
        yield from ((f"{prefix}{index}", value) for index, value in enumerate(self._vars(place)))
        group = self._group(place)
        for name in member_names(group, self._origin) if group is not None and depth < MAX_DEPTH else ():
            if name not in ("vars", "seed_generator"):
                yield from self._everything(f"{place}/{name}", f"{prefix}{name}/", depth + 1)


def _config(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    config = layer.get("config")
    return config if isinstance(config, Mapping) else {}


def snake_case(name: str) -> str:
    """Return a class name as Keras writes it in weight paths: "Conv2D" → "conv2d"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
