"""HDF5 files read with suspicion: no links out of the file, no sizes that the file cannot back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from ...errors import SourceError
from ..ops.base import Array

__all__ = [
    "MAX_ARRAY_BYTES",
    "MAX_RATIO",
    "SMALL_BYTES",
    "child_group",
    "has_attribute",
    "member_names",
    "names_attribute",
    "open_hdf5",
    "read_array",
    "text_attribute",
]

MAX_ARRAY_BYTES = 8 * 2**30
"""The largest array that is read: a dataset may claim any size, so the claim is checked before allocation."""

MAX_RATIO = 100
SMALL_BYTES = 64 * 2**20
"""Above this size, nothing is unpacked that claims more than `MAX_RATIO` times what is stored: trained weights hardly
compress, and zeros (1032 : 1) are how a small file fills the memory."""

_MAX_TEXT_BYTES = 64 * 2**20


@contextmanager
def open_hdf5(source: Path | IO[bytes], origin: str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises
    ------
    SourceError
        When it is not an HDF5 file, or a damaged one. Damage that shows only while it is read is met by the functions
        below, through which everything in the file is read.
    """
    with _damage_is_an_error(origin):
        file = h5py.File(source, "r")
    with file:
        yield file


@contextmanager
def _damage_is_an_error(origin: str) -> Iterator[None]:
    """Say of a damaged file that it is one: h5py raises a dozen types for it. Only calls of h5py belong in here."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{origin}: expected a sound HDF5 file, received one that cannot be read: {error}") from None


def child_group(group: h5py.Group, name: str, origin: str) -> h5py.Group | None:
    """Return a group inside this one, None if it is not there."""
    item = _inside(group, name, origin)
    return item if isinstance(item, h5py.Group) else None


def member_names(group: h5py.Group, origin: str) -> list[str]:
    """Return the names of what lies in a group."""
    with _damage_is_an_error(origin):
        return list(group)


def has_attribute(group: h5py.Group, name: str, origin: str) -> bool:
    """Say whether there is an attribute of this name."""
    with _damage_is_an_error(origin):
        return name in group.attrs


def read_array(group: h5py.Group, name: str, origin: str, *, double: bool = False) -> Array:
    """Return a dataset as a float32 array (whole numbers and booleans keep their type).

    Parameters
    ----------
    double
        Leave float64 as it is.

    Raises
    ------
    SourceError
        When it is missing, is stored outside of the file, claims more than the file can hold, or is not numeric.
    """
    where = f"{origin}: {group.name.rstrip('/')}/{name}"
    item = _inside(group, name, origin)
    if not isinstance(item, h5py.Dataset):
        raise SourceError(f"{where}: expected an array, found none")
    with _damage_is_an_error(where):
        if item.is_virtual or item.external:
            raise SourceError(f"{where}: expected an array inside the file, received one stored outside of it")
        if item.dtype.kind not in "fiub":
            raise SourceError(f"{where}: expected numbers, received {item.dtype}")
        stored = item.id.get_storage_size()
        if item.nbytes > min(MAX_ARRAY_BYTES, MAX_RATIO * stored + SMALL_BYTES):
            raise SourceError(
                f"{where}: expected an array that the file can hold, received a claim of {item.nbytes:,} bytes"
            )
        values = np.asarray(item[()])
    if double and values.dtype == np.float64:
        return values
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinity, which no layer's weights may hold
        return values.astype(np.float32, copy=False) if values.dtype.kind == "f" else values


def text_attribute(group: h5py.Group, name: str, origin: str) -> str | None:
    """Return a text attribute, None if it is not there."""
    with _damage_is_an_error(origin):
        value = group.attrs.get(name)
    if value is None:
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or len(text) > _MAX_TEXT_BYTES:
        raise SourceError(f"{origin}: expected the attribute {name!r} to be text of at most {_MAX_TEXT_BYTES} bytes")
    return text


def names_attribute(group: h5py.Group, name: str, origin: str) -> list[str]:
    """Return a list of names; Keras cuts long lists into ``name0``, ``name1`` and so on."""
    with _damage_is_an_error(origin):
        if name in group.attrs:
            return [_text(v) for v in np.ravel(group.attrs[name])]
        names: list[str] = []
        part = 0
        while f"{name}{part}" in group.attrs:
            names += [_text(v) for v in np.ravel(group.attrs[f"{name}{part}"])]
            part += 1
        return names


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _inside(group: h5py.Group, path: str, origin: str) -> h5py.Group | h5py.Dataset | None:
    """Follow a path link by link, refusing links that leave the file."""
    item: Any = group
    for part in path.split("/"):
        if not part:
            continue
        if part in (".", "..") or not isinstance(item, h5py.Group):
            return None
        with _damage_is_an_error(origin):
            link = item.get(part, getlink=True)
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink):
            raise SourceError(f"{origin}: expected everything inside the file, found a link to {link.filename!r}")
        if not isinstance(link, h5py.HardLink):
            raise SourceError(f"{origin}: expected plain members, found a soft link {part!r}")
        with _damage_is_an_error(origin):
            item = item.get(part)
    return item
