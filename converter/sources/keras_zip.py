"""The .keras files of Keras 3: a zip with config.json, metadata.json and model.weights.h5."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import SourceError
from .config_json import MAX_CONFIG_BYTES, parse_config
from .grouped_weights import GroupedWeights
from .hdf5 import MAX_RATIO, SMALL_BYTES, open_hdf5
from .probe import require_readable
from .spelling import Writer
from .versions import version_of

__all__ = ["open_keras_zip"]

_MAX_WEIGHTS_BYTES = 8 * 2**30


@contextmanager
def open_keras_zip(path: Path) -> Iterator[tuple[Mapping[str, Any], Writer, GroupedWeights]]:
    """Open a .keras file and yield its config, what wrote it, and its weights.

    Raises
    ------
    SourceError
        When it is not a .keras file or a damaged one.
    """
    origin = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            config_text = _member(archive, "config.json", MAX_CONFIG_BYTES, origin)
            metadata_text = _member(archive, "metadata.json", MAX_CONFIG_BYTES, origin)
            weights = _member(archive, "model.weights.h5", _MAX_WEIGHTS_BYTES, origin)
    except SourceError:
        raise
    except Exception as error:  # for damage, zipfile and its codecs raise a dozen types; only they run in here
        raise SourceError(
            f"{origin}: expected a sound .keras file, received one that cannot be read: {error}"
        ) from None
    config, metadata = parse_config(config_text, origin), parse_config(metadata_text, origin)
    require_readable(path, origin, member="model.weights.h5")
    with open_hdf5(io.BytesIO(weights), f"{origin}: model.weights.h5") as file:
        writer = Writer(version_of(str(metadata.get("keras_version") or ""), config))
        yield config, writer, GroupedWeights(file, config, writer, origin)


def _member(archive: zipfile.ZipFile, name: str, limit: int, origin: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise SourceError(f"{origin}: expected a .keras file with a member {name}, found none") from None
    if info.file_size > min(limit, MAX_RATIO * info.compress_size + SMALL_BYTES):
        raise SourceError(f"{origin}: expected {name} to be of a plausible size, received {info.file_size:,} bytes")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) > info.file_size:
        raise SourceError(f"{origin}: expected {info.file_size:,} bytes of {name}, received more")
    return data
