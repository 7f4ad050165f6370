"""Tell what a model is by its content, and read it."""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import SourceError, UsageError
from ..layer_call import ModelRecord
from ..ops.base import Shape
from .config_json import MAX_CONFIG_BYTES, parse_config
from .grouped_weights import GroupedWeights, has_grouped_weights
from .hdf5 import MAX_RATIO, SMALL_BYTES, open_hdf5
from .keras_zip import open_keras_zip
from .legacy_h5 import LegacyH5Weights, model_config, weights_group, writer_of
from .live import LiveWeights, is_keras_model, live_config, live_version
from .probe import require_readable
from .spelling import Writer
from .topology import calls_of_model
from .weight_store import WeightStore

__all__ = ["read_model"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"


def read_model(model: Any, *, input_shape: Shape | None = None, architecture: str | Path | None = None) -> ModelRecord:
    """Return a model as plain data. Nothing in a file is executed, and TensorFlow is not imported for one.

    Parameters
    ----------
    model
        The path of a ``.h5``, ``.hdf5`` or ``.keras`` file, told apart by content; or a live Keras 3 or tf_keras model.
    input_shape
        The shape of one sample, where the model does not hold it.
    architecture
        The JSON file of a model's architecture, where the file holds weights only.

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
        with _malformed_is_an_error(str(model)):
            return _read_file(Path(model), input_shape, None if architecture is None else Path(architecture))
    if architecture is not None:
        raise UsageError("expected an architecture beside a file of weights only, received it beside a live model")
    if is_keras_model(model):
        origin = f"{type(model).__name__} {model.name!r}"
        config, version = live_config(model, origin), live_version(model)
        writer = Writer(version)
        weights = LiveWeights(model, writer)
        calls, outputs = calls_of_model(config, weights, origin=origin, writer=writer, input_shape=input_shape)
        return ModelRecord(name=model.name, origin=origin, keras_version=version, calls=calls, outputs=outputs)
    raise UsageError(f"expected the path of a Keras file or a Keras model, received {type(model).__name__}")


@contextmanager
def _malformed_is_an_error(origin: str) -> Iterator[None]:
    """Say of a file that leads its reader astray that it does.

    Configs come in so many forms that readers follow them without checking each value's type beforehand. The cause
    stays attached to the error, in case that it is a defect of the reader.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise SourceError(
            f"{origin}: expected a file as Keras writes it, received one that cannot be followed: "
            f"{type(error).__name__}: {error}"
        ) from error


def _checked_shape(shape: Any) -> Shape:
    """Return a shape that a user gave as a tuple of whole numbers."""
    try:
        return tuple(operator.index(n) for n in shape)
    except TypeError:
        raise UsageError(f"expected input_shape as whole numbers, (28, 28, 1), received {shape!r}") from None


def _read_file(path: Path, input_shape: Shape | None, architecture: Path | None) -> ModelRecord:
    origin = str(path)
    start = _first_bytes(path)
    if _is_hdf5(start):
        require_readable(path, origin)
        with open_hdf5(path, origin) as file:
            config = model_config(file, origin)
            if config is None:
                config = _architecture(architecture, origin)
            elif architecture is not None:
                raise UsageError(f"{origin}: holds its own architecture, so expected none beside it")
            writer = writer_of(file, config, origin)
            weights: WeightStore
            if has_grouped_weights(file, origin):
                weights = GroupedWeights(file, config, writer, origin)
            else:
                weights = LegacyH5Weights(weights_group(file, origin), config, writer, origin)
            calls, outputs = calls_of_model(
                config, weights, origin=origin, writer=writer, input_shape=input_shape, max_bytes=_most_bytes(path)
            )
    elif architecture is not None:
        raise UsageError(f"{origin}: expected a .h5 file of weights beside an architecture, received another file")
    elif start.startswith(_ZIP):
        with open_keras_zip(path) as (config, writer, weights):
            calls, outputs = calls_of_model(
                config, weights, origin=origin, writer=writer, input_shape=input_shape, max_bytes=_most_bytes(path)
            )
    else:
        raise SourceError(f"{origin}: expected a Keras .h5 or .keras file, received {_describe(start)}")
    return ModelRecord(
        name=_model_name(config, path.stem),
        origin=origin,
        keras_version=writer.version,
        digest=_sha256(path),
        calls=calls,
        outputs=outputs,
    )


def _architecture(path: Path | None, origin: str) -> Mapping[str, Any]:
    """Return the config of a JSON file that ``model.to_json()`` made."""
    if path is None:
        raise SourceError(
            f"{origin}: holds weights only; pass the model's architecture, which model.to_json() returns, as a file: "
            "architecture='model.json', or --architecture model.json"
        )
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise SourceError(f"{path}: expected the JSON of an architecture, received a file that is too long")
        text = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: expected the JSON of an architecture: {error.strerror}") from None
    return parse_config(text, str(path))


def _most_bytes(path: Path) -> int:
    """Return how much a file's weights may take."""
    return MAX_RATIO * path.stat().st_size + SMALL_BYTES


def _is_hdf5(start: bytes) -> bool:
    # a zip may hold an HDF5 file at one of these places
    return not start.startswith(_ZIP) and _HDF5 in (start[offset : offset + 8] for offset in (0, 512, 1024, 2048))


def _first_bytes(path: Path) -> bytes:
    """Return the start of a file that can be read."""
    if os.path.isdir(path):
        hint = ""
        if any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb")):
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
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise SourceError(f"{path}: expected a file that can be read: {error}") from None
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
        return (
            "JSON text, an architecture without weights; pass it beside the weights (spikeport convert WEIGHTS.h5 "
            "--architecture FILE.json), or save the whole model in Keras: model.save('model.keras')"
        )
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
