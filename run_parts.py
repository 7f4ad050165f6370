"""Runs in parts: what is done lies in a folder beside the output, so that a run that was stopped goes on from there.

Each part is a file that is written at once or not at all. The output file is made of the parts when all are there, and
is the same file, byte for byte, whether the run was stopped in between or not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .backends import Deployment, RunResult
from .backends.contract import OnProgress, silent
from .backends.joining import joined
from .converter.ops import Array
from .converter.storage import written_at_once
from .encoders import EncoderChoice
from .errors import DataError, UsageError

__all__ = ["Parts", "arrays_of", "fingerprint", "run_in_parts"]

_PART_BYTES = 2**26
_MOST_SAMPLES = 1000
_FACTS = "run.json"


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a run, in the order of its samples.

    Attributes
    ----------
    folder
        Where they lie.
    count
        How many samples there are.
    size
        How many samples a part has.
    """

    folder: Path
    count: int
    size: int

    def places(self) -> Iterator[tuple[int, int, Path]]:
        """Yield the first sample of each part, the one behind its last, and its file."""
        for start in range(0, self.count, self.size):
            stop = min(start + self.size, self.count)
            yield start, stop, self.folder / f"{start:09d}-{stop:09d}.npz"

    def done(self) -> int:
        """Return how many samples are done."""
        return sum(stop - start for start, stop, path in self.places() if path.is_file())

    def results(self) -> Iterator[RunResult]:
        """Yield the result of each part."""
        for *_, path in self.places():
            yield _result_in(path)

    def without_steps(self) -> RunResult:
        """Return the whole result with the outputs of the last step only, and without recorded events."""
        return joined([_shortened(result) for result in self.results()])

    def remove(self) -> None:
        """Delete the parts."""
        shutil.rmtree(self.folder)


def fingerprint(*things: Any) -> str:
    """Return a digest of what a run depends on: files by their contents, arrays, and values as they print."""
    digest = hashlib.sha256()
    for thing in things:
        if isinstance(thing, Path):
            digest.update(thing.read_bytes())
        elif isinstance(thing, np.ndarray):
            digest.update(f"{thing.dtype} {thing.shape}".encode())
            digest.update(np.ascontiguousarray(thing).data)
        else:
            digest.update(repr(thing).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def run_in_parts(
    deployment: Deployment,
    samples: Sequence[Array],
    n_steps: int,
    folder: Path,
    key: str,
    *,
    value_bytes: int,
    encoder: EncoderChoice | None = None,
    record: Iterable[str] = (),
    on_progress: OnProgress = silent,
    on_resume: Callable[[int], None] = silent,
) -> Parts:
    """Run samples, and keep each part as soon as it is done.

    Parameters
    ----------
    folder
        Where the parts lie; those of a run that was stopped are kept.
    key
        The `fingerprint` of the run: parts of another one are refused.
    value_bytes
        How many bytes of results a sample has, for the size of the parts.
    on_resume
        Called with the number of samples that were done before, if any.

    Raises
    ------
    UsageError
        When the folder holds parts of another run.
    """
    size = int(np.clip(_PART_BYTES // max(value_bytes, 1), 1, _MOST_SAMPLES))
    parts = Parts(folder, len(samples[0]), size)
    _claim(folder, {"run": key, "samples": parts.count, "part": size})
    before = parts.done()
    if before:
        on_resume(before)
    try:
        _run_missing(deployment, samples, n_steps, parts, encoder, tuple(record), on_progress)
    except BaseException:
        if not parts.done():
            parts.remove()
        raise
    return parts


def _run_missing(
    deployment: Deployment,
    samples: Sequence[Array],
    n_steps: int,
    parts: Parts,
    encoder: EncoderChoice | None,
    record: tuple[str, ...],
    on_progress: OnProgress,
) -> None:
    """Run the parts that are not there."""
    for start, stop, path in parts.places():
        if path.is_file():
            on_progress(stop - start)
            continue
        some = [array[start:stop] for array in samples]
        result = deployment.run(some, n_steps, encoder=encoder, first=start, record=record, on_progress=on_progress)
        with written_at_once(path) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = {"facts": json.dumps([result.n_steps, result.extra_steps]), **arrays_of(result)}
            np.savez(file, **arrays)


def arrays_of(result: RunResult) -> dict[str, Array]:
    """Return the arrays of a result by kind and name, ``kind:name``, or by kind."""
    arrays: dict[str, Array] = {}
    for kind in ("outputs_over_time", "spike_counts", "events"):
        arrays |= {f"{kind}:{name}": values for name, values in getattr(result, kind).items()}
    for kind in ("synaptic_operations", "input_events", "steps_taken"):
        if getattr(result, kind) is not None:
            arrays[kind] = getattr(result, kind)
    return arrays


def _claim(folder: Path, facts: Mapping[str, Any]) -> None:
    """Make the folder, or find it to be of this run."""
    place = folder / _FACTS
    if place.is_file():
        try:
            found = json.loads(place.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if found != facts:
            raise UsageError(
                f"{folder}: expected the parts of this run, found those of another one that was stopped; "
                "delete the folder, or choose another name for the output"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: expected a folder for the parts of the run, found one with other files")
    folder.mkdir(parents=True, exist_ok=True)
    with written_at_once(place) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")


def _result_in(path: Path) -> RunResult:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        steps, extra = json.loads(str(arrays.pop("facts")))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: expected a part of a run, received a damaged file ({error}); delete it") from None
    kinds: dict[str, Any] = {"outputs_over_time": {}, "spike_counts": {}, "events": {}}
    for name, values in arrays.items():
        kind, _, inner = name.partition(":")
        if inner:
            kinds[kind][inner] = values
        else:
            kinds[kind] = values
    return RunResult(n_steps=steps, extra_steps=extra, **kinds)


def _shortened(result: RunResult) -> RunResult:
    outputs = {name: values[:, -1:] for name, values in result.outputs_over_time.items()}
    return RunResult(
        outputs_over_time=outputs,
        spike_counts=result.spike_counts,
        synaptic_operations=result.synaptic_operations,
        n_steps=result.n_steps,
        input_events=result.input_events,
        extra_steps=result.extra_steps,
        steps_taken=result.steps_taken,
    )
