"""The .keras files of Keras 3: a zip with config.json, metadata.json and model.weights.h5."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from ...errors import SourceError
from ..ops.base import Array
from .config_json import parse_config
from .hdf5 import child_group, open_hdf5, read_array
from .topology import MODEL_TYPES
from .weight_names import weight_names

__all__ = ["KerasZipWeights", "open_keras_zip"]

_MAX_MEMBER_BYTES = 8 * 2**30
_MAX_RATIO = 1100  # deflate cannot compress better than 1032 : 1


@contextmanager
def open_keras_zip(path: Path) -> Iterator[tuple[Mapping[str, Any], str, KerasZipWeights]]:
    """Open a .keras file and yield its config, the Keras version that wrote it and its weights.

    Raises
    ------
    SourceError
        When it is not a .keras file or a damaged one.
    """
    origin = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            config = parse_config(_member(archive, "config.json", origin), origin)
            metadata = parse_config(_member(archive, "metadata.json", origin), origin)
            weights = _member(archive, "model.weights.h5", origin)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise SourceError(
            f"{origin}: expected a sound .keras file, received one that cannot be read: {error}"
        ) from None
    with open_hdf5(io.BytesIO(weights), f"{origin}: model.weights.h5") as file:
        yield config, str(metadata.get("keras_version", "")), KerasZipWeights(file, config, origin)


def _member(archive: zipfile.ZipFile, name: str, origin: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise SourceError(f"{origin}: expected a .keras file with a member {name}, found none") from None
    if info.file_size > min(_MAX_MEMBER_BYTES, _MAX_RATIO * info.compress_size + 2**16):
        raise SourceError(f"{origin}: expected {name} to be of a plausible size, received {info.file_size:,} bytes")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) > info.file_size:
        raise SourceError(f"{origin}: expected {info.file_size:,} bytes of {name}, received more")
    return data


class KerasZipWeights:
    """The weights inside a .keras file.

    Layers lie in their model's group ``layers`` under their class name in snake case, with a number from the second
    of a class on; arrays under ``vars/0``, ``vars/1`` … in the order in which the layer keeps them.
    """

    def __init__(self, file: h5py.File, model: Mapping[str, Any], origin: str) -> None:
        self._file, self._origin = file, origin
        self._groups: dict[tuple[str, ...], str] = {}
        self._index(model, (), "")

    def _index(self, model: Mapping[str, Any], path: tuple[str, ...], group: str) -> None:
        config = model.get("config")
        layers = config.get("layers") if isinstance(config, Mapping) else None
        used: dict[str, int] = {}
        for layer in layers if isinstance(layers, list) else []:
            if not isinstance(layer, Mapping) or not isinstance(layer.get("class_name"), str):
                continue
            inner = layer.get("config")
            name = layer.get("name") or (inner.get("name") if isinstance(inner, Mapping) else "")
            stem = _snake_case(layer["class_name"])
            count = used.get(stem, 0)
            used[stem] = count + 1
            here = f"{group}layers/{stem}_{count}" if count else f"{group}layers/{stem}"
            inside = "/layer" if layer["class_name"] == "TimeDistributed" else ""  # the wrapper has no arrays of its own
            self._groups[(*path, str(name))] = here + inside
            if layer["class_name"] in MODEL_TYPES:
                self._index(layer, (*path, str(name)), here + "/")

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name."""
        place = self._groups.get(path)
        group = child_group(self._file, f"{place}/vars", self._origin) if place else None
        if group is None:
            return {}
        numbers = sorted((n for n in group if n.isdigit()), key=int)
        names = weight_names(layer_type, config)
        known = (*names[0], *names[1]) if names else tuple(numbers)
        return {name: read_array(group, number, self._origin) for name, number in zip(known, numbers, strict=False)}


def _snake_case(name: str) -> str:
    """Return a class name as Keras 3 writes it in weight paths: "Conv2D" → "conv2d"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
