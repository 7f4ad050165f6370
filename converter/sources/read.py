"""Tell what a model is by its content, and read it."""

from __future__ import annotations

import hashlib
import operator
from pathlib import Path
from typing import Any

from ...errors import SourceError, UsageError
from ..layer_call import ModelRecord
from ..ops.base import Shape
from .hdf5 import open_hdf5
from .keras_zip import open_keras_zip
from .legacy_h5 import LegacyH5Weights, model_config
from .live import LiveWeights, is_keras_model, live_config, live_version
from .topology import calls_of_model

__all__ = ["read_model"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"


def read_model(model: Any, *, input_shape: Shape | None = None) -> ModelRecord:
    """Return a model as plain data. Nothing in a file is executed, and TensorFlow is not imported for one.

    Parameters
    ----------
    model
        The path of a ``.h5``, ``.hdf5`` or ``.keras`` file, told apart by content; or a live Keras 3 or tf_keras model.
    input_shape
        The shape of one sample, where the model does not hold it.

    Raises
    ------
    SourceError
        When it cannot be read: the file, what was expected, what was found.
    UsageError
        When it is no path and no Keras model.
    """
    if input_shape is not None:
        input_shape = _checked_shape(input_shape)
    if isinstance(model, (str, Path)):
        return _read_file(Path(model), input_shape)
    if is_keras_model(model):
        origin = f"{type(model).__name__} {model.name!r}"
        config, version = live_config(model, origin), live_version(model)
        calls, outputs = calls_of_model(
            config, LiveWeights(model), origin=origin, version=version, input_shape=input_shape
        )
        return ModelRecord(name=model.name, origin=origin, keras_version=version, calls=calls, outputs=outputs)
    raise UsageError(f"expected the path of a Keras file or a Keras model, received {type(model).__name__}")


def _checked_shape(shape: Any) -> Shape:
    """Return a shape that a user gave as a tuple of whole numbers."""
    try:
        return tuple(operator.index(n) for n in shape)
    except TypeError:
        raise UsageError(f"expected input_shape as whole numbers, (28, 28, 1), received {shape!r}") from None


def _read_file(path: Path, input_shape: Shape | None) -> ModelRecord:
    origin = str(path)
    start = _first_bytes(path)
    if start.startswith(_ZIP):
        with open_keras_zip(path) as (config, version, zip_weights):
            calls, outputs = calls_of_model(
                config, zip_weights, origin=origin, version=version, input_shape=input_shape
            )
    elif _HDF5 in (start[offset : offset + 8] for offset in (0, 512, 1024, 2048)):
        with open_hdf5(path, origin) as file:
            config, version = model_config(file, origin)
            h5_weights = LegacyH5Weights(file, config, version, origin)
            calls, outputs = calls_of_model(config, h5_weights, origin=origin, version=version, input_shape=input_shape)
    else:
        raise SourceError(f"{origin}: expected a Keras .h5 or .keras file, received {_describe(start)}")
    return ModelRecord(
        name=_model_name(config, path.stem),
        origin=origin,
        keras_version=version,
        digest=_sha256(path),
        calls=calls,
        outputs=outputs,
    )


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        hint = ""
        if (path / "saved_model.pb").exists():
            hint = (
                ", a SavedModel; export it with the Keras that wrote it: "
                "model = keras.models.load_model(folder); model.save('model.keras')"
            )
        raise SourceError(f"{path}: expected a Keras .h5 or .keras file, received a folder{hint}")
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        raise SourceError(f"{path}: expected a Keras .h5 or .keras file, found no file of this name") from None
    except OSError as error:
        raise SourceError(f"{path}: expected a file that can be read: {error.strerror}") from None
    if not start:
        raise SourceError(f"{path}: expected a Keras .h5 or .keras file, received an empty file")
    return start


def _describe(start: bytes) -> str:
    """Say what a file that is no Keras file looks like."""
    text = start.lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "a git-LFS pointer: the model itself was not downloaded; run git lfs pull"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"\n<")):
        return "a web page: download the raw file instead of the page that shows it"
    if text.startswith((b"{", b"[")):
        return "JSON text: an architecture without weights; save the whole model in Keras: model.save('model.keras')"
    if start.startswith(b"\x08\x06") or b"saved_model" in start:
        return "a SavedModel's protocol buffer: export the model as .keras"
    return f"a file that starts with {start[:8]!r}"


def _model_name(config: Any, fallback: str) -> str:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) and name else fallback


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
