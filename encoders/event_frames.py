"""Frames from events: the recordings of an event camera as sequences that a network takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..converter.ops import Array
from ..errors import DataError, UsageError

__all__ = ["EventFrames"]

_FIELDS = ("t", "x", "y", "p")
_MOST_BYTES = 4 * 2**30  # a time in other units than the bin would ask for years of frames


@dataclass(frozen=True, kw_only=True)
class EventFrames:
    """Counts of events in each bin of time, at each pixel, of each polarity: the steps of a sequence.

    Parameters
    ----------
    height, width
        The pixels of the sensor; x counts columns and y counts rows, from 0.
    bin
        The length of a step in the unit of the events' times.
    polarities
        2 keeps events of polarity 0 and 1 apart, as channels; 1 counts them together.
    steps
        How many steps; later events are left out. By default as many as the longest sample needs.
    start
        The time at which the first bin begins; None takes the time of each sample's first event.
    clip
        The most that a value may be; 1 makes frames binary.
    """

    height: int
    width: int
    bin: float
    polarities: int = 2
    steps: int | None = None
    start: float | None = 0.0
    clip: int | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width", "polarities", "steps", "clip"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise UsageError(f"EventFrames: expected {name} as a whole number above 0, received {value!r}")
        if not (math.isfinite(self.bin) and self.bin > 0):
            raise UsageError(f"EventFrames: expected bin as a length of time above 0, received {self.bin!r}")

    def __call__(self, recordings: Iterable[Any]) -> Array:
        """Return frames ``(samples, steps, height, width, polarities)``, float32.

        Parameters
        ----------
        recordings
            One array of events for each sample: a structured one with the fields t, x, y and p, or ``(events, 4)`` in
            that order. A sample may have none.

        Raises
        ------
        DataError
            For what are no events, or lie outside the sensor, its polarities or before the start.
        UsageError
            Where the frames would take gigabytes.
        """
        placed = [self._placed(number, recording) for number, recording in enumerate(recordings)]
        if not placed:
            raise DataError("expected an array of events for each sample, received no sample")
        steps = self.steps or max(1 + int(step.max(initial=0)) for step, _ in placed)
        pixels = self.height * self.width * self.polarities
        if 4 * len(placed) * steps * pixels > _MOST_BYTES:
            raise UsageError(
                f"expected frames of at most {_MOST_BYTES // 2**30} GiB, received events for {len(placed)} samples of "
                f"{steps} steps: pass a larger bin, in the unit of the events' times, or steps"
            )
        frames = np.empty((len(placed), steps, pixels), np.float32)
        for frame, (step, pixel) in zip(frames, placed, strict=True):
            kept = step < steps
            where = step[kept] * pixels + pixel[kept]
            frame[:] = np.bincount(where, minlength=steps * pixels).reshape(steps, pixels)
        if self.clip is not None:
            np.minimum(frames, self.clip, out=frames)
        return frames.reshape(len(placed), steps, self.height, self.width, self.polarities)

    def _placed(self, number: int, recording: Any) -> tuple[Array, Array]:
        """Return the step and the pixel of each event."""
        t, x, y, p = _columns(number, recording)
        if self.polarities == 1:
            p = np.zeros_like(x)
        for name, values, count in (("x", x, self.width), ("y", y, self.height), ("p", p, self.polarities)):
            outside = values[(values < 0) | (values >= count) | (values != np.floor(values))]
            if len(outside):
                raise DataError(
                    f"sample {number}: expected {name} as whole numbers from 0 to {count - 1}, received {outside[0]:g}"
                )
        start = float(t.min(initial=np.inf)) if self.start is None else self.start
        if len(t) and t.min() < start:
            raise DataError(f"sample {number}: expected events from the start {start:g} on, received t {t.min():g}")
        step = np.floor((t - start) / self.bin).astype(np.int64)
        return step, ((y * self.width + x) * self.polarities + p).astype(np.int64)


def _columns(number: int, recording: Any) -> list[Array]:
    """Return t, x, y and p of a recording, float64."""
    try:
        array = np.asarray(recording)
    except ValueError:
        raise DataError(f"sample {number}: expected events of four numbers each, received lists of others") from None
    if array.dtype.names is not None:
        missing = [name for name in _FIELDS if name not in array.dtype.names]
        if missing or array.ndim != 1:
            raise DataError(
                f"sample {number}: expected one event after the other with the fields t, x, y and p, "
                f"received {array.ndim} axes and the fields {', '.join(array.dtype.names)}"
            )
        columns = [array[name] for name in _FIELDS]
    else:
        array = array.reshape(0, 4) if array.size == 0 else array
        if array.ndim != 2 or array.shape[1] != 4:
            raise DataError(f"sample {number}: expected events (events, 4) as t, x, y, p, received {array.shape}")
        columns = list(array.T)
    if any(column.dtype.kind not in "fiub" for column in columns):
        raise DataError(f"sample {number}: expected events as numbers, received {array.dtype}")
    columns = [column.astype(np.float64) for column in columns]
    if not all(np.isfinite(column).all() for column in columns):
        raise DataError(f"sample {number}: expected events as finite numbers, received NaN or infinity")
    return columns
