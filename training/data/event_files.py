"""read_events: the events of a recording, from N-MNIST's own format or, with faery, from those of cameras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...converter.ops import Array
from ...errors import DataError, UsageError

__all__ = ["CAMERA_SUFFIXES", "EVENTS", "NMNIST_SUFFIX", "nmnist_events", "read_events"]

EVENTS = np.dtype([("t", np.int64), ("x", np.int32), ("y", np.int32), ("p", np.int8)])
"""An event: microseconds, column, row, and 1 where it got brighter, else 0."""

NMNIST_SUFFIX = ".bin"
CAMERA_SUFFIXES = (".aedat4", ".dat", ".es", ".raw")
_BYTES = 5
_OVERFLOW_ROW = 240  # no pixel: it tells that the clock has gone on by so many microseconds
_OVERFLOW = 2**13
_MOST_BYTES = 2**28


def read_events(path: str | Path, *, duration: float | None = None) -> Array:
    """Return the events of a recording in the order of the file, of the type `EVENTS`.

    Parameters
    ----------
    path
        N-MNIST's and N-Caltech101's ``.bin``; or ``.aedat4``, ``.dat``, ``.es`` or ``.raw`` (EVT 2, 2.1 and 3), which
        faery reads.
    duration
        Microseconds from the first event on: a recording is not read further. None reads all of it.

    Raises
    ------
    UsageError
        Where faery is needed and missing.
    DataError
        For a file that is missing or damaged, or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: expected a recording of events, found no file of this name")
    if path.suffix.lower() == NMNIST_SUFFIX:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: expected at most {_MOST_BYTES:,} bytes, received {path.stat().st_size:,}")
        return _within(nmnist_events(path.read_bytes(), str(path)), duration)
    if path.suffix.lower() in CAMERA_SUFFIXES:
        return _camera_events(path, duration)
    raise DataError(
        f"{path}: expected a recording in {', '.join((NMNIST_SUFFIX, *CAMERA_SUFFIXES))}, received {path.suffix!r}"
    )


def nmnist_events(data: bytes, origin: str) -> Array:
    """Return the events of a file of N-MNIST.

    Five bytes each: column, row, then one bit of polarity and 23 of microseconds, the most significant first (Orchard
    et al. 2015, "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades", and the page of the
    data set).

    Parameters
    ----------
    origin
        What to call the file in messages.
    """
    if len(data) % _BYTES:
        raise DataError(f"{origin}: expected five bytes an event, received {len(data):,} bytes")
    raw = np.frombuffer(data, np.uint8).reshape(-1, _BYTES).astype(np.int64)
    t = (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4]
    overflows = raw[:, 1] == _OVERFLOW_ROW
    t += np.cumsum(overflows) * _OVERFLOW
    events = np.zeros(len(raw), EVENTS)
    events["t"], events["x"], events["y"], events["p"] = t, raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    return np.asarray(events[~overflows])


def _camera_events(path: Path, duration: float | None) -> Array:
    found = []
    first: int | None = None
    for packet in _packets(path):
        if not len(packet):
            continue
        events = np.zeros(len(packet), EVENTS)
        for name in ("t", "x", "y", "p"):
            events[name] = packet[name]
        first = int(events["t"][0]) if first is None else first
        found.append(events)
        if duration is not None and events["t"][-1] >= first + duration:
            break
    return _within(np.concatenate(found) if found else np.zeros(0, EVENTS), duration)


def _packets(path: Path) -> Iterator[Any]:
    try:
        import faery
    except ImportError:
        raise UsageError(f"{path.suffix} files are read with faery: pip install 'spikeport[data]'") from None
    if not path.stat().st_size:
        raise DataError(f"{path}: expected a recording of events, received an empty file")
    try:
        yield from faery.events_stream_from_file(path)
    except Exception as error:  # faery has one RuntimeError for all, and plain Exceptions
        raise DataError(f"{path}: expected a recording of events, received one that cannot be read: {error}") from None


def _within(events: Array, duration: float | None) -> Array:
    return events if duration is None or not len(events) else events[events["t"] < events["t"].min() + duration]
