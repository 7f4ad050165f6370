"""The output file of a run: an .npz archive, or HDF5, into which the parts go one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .backends import RunResult
from .backends.joining import joined
from .converter.ops import Array
from .converter.storage import written_at_once
from .run_parts import Parts, arrays_of

__all__ = ["is_hdf5", "write_run"]

_PREFIXES = {"outputs_over_time": "outputs_over_time", "spike_counts": "spikes", "events": "events"}


def is_hdf5(path: Path) -> bool:
    """Say whether a name asks for HDF5."""
    return path.suffix.lower() in (".h5", ".hdf5")


def write_run(path: Path, parts: Parts, facts: Mapping[str, Any]) -> None:
    """Write outputs, outputs at every step, counts and recorded events, at once or not at all.

    The arrays are ``output``, ``outputs_over_time`` (for several outputs ``output:NAME`` and so on), ``spikes:NAME``
    for each population, ``events:NAME`` for those recorded, ``synaptic_operations``, ``input_events`` where an encoder
    counts them, ``steps_taken`` of an early exit, and ``facts``, a JSON text. An HDF5 file holds ``a:b`` as dataset b
    of the group a, and the facts as an attribute; it is written part by part, and never held in memory as a whole.
    """
    text = json.dumps(facts)
    if not is_hdf5(path):
        arrays: dict[str, Any] = {"facts": text, **_named(joined(list(parts.results())))}
        with written_at_once(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return
    with written_at_once(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["facts"] = text
        for start, result in _with_places(parts):
            for name, values in _named(result).items():
                if not start:
                    kind = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "track_times": False}
                    whole = (parts.count, *values.shape[1:])
                    file.create_dataset(name.replace("/", "|").replace(":", "/", 1), whole, values.dtype, **kind)
                file[name.replace("/", "|").replace(":", "/", 1)][start : start + len(values)] = values


def _with_places(parts: Parts) -> Iterator[tuple[int, RunResult]]:
    for (start, *_), result in zip(parts.places(), parts.results(), strict=True):
        yield start, result


def _named(result: RunResult) -> dict[str, Array]:
    """Return the arrays of a result by their names in the file."""
    single = len(result.outputs_over_time) == 1
    arrays: dict[str, Array] = {}
    for name, values in arrays_of(result).items():
        kind, colon, inner = name.partition(":")
        if kind == "outputs_over_time":
            arrays["output" if single else f"output:{inner}"] = values[:, -1]
            arrays[kind if single else name] = values
        else:
            arrays[_PREFIXES.get(kind, kind) + colon + inner] = values
    return arrays
