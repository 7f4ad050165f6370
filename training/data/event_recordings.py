"""EventRecordings: N-MNIST and other recordings of event cameras, as frames, batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...converter.ops import Array
from ...encoders import EventFrames
from ...errors import DataError, UsageError
from .class_folders import ClassFolders
from .event_files import CAMERA_SUFFIXES, NMNIST_SUFFIX, nmnist_events, read_events
from .shuffled_batches import ShuffledBatches

__all__ = ["NMNIST_FRAMES", "EventRecordings"]

NMNIST_FRAMES = EventFrames(height=34, width=34, bin=10_000, steps=30, start=None)
"""N-MNIST: 34 × 34 pixels, and three saccades of 100 ms, in steps of 10 ms."""
_MOST_BYTES = 2**24  # of a file of N-MNIST in a zip file: they have some ten thousand


class EventRecordings(ShuffledBatches):
    """Batches of frames ``(batch, steps, height, width, polarities)`` with their labels, for ``model.fit``.

    A recording is read when its batch is asked for, and no further than its frames go, so memory does not grow with the
    data set.

    Parameters
    ----------
    path
        A folder with a folder for each class, whose name tells its number where it is one: ``Train/7/00012.bin``. A zip
        file for N-MNIST's own ``.bin`` files.
    part
        The folder in which the classes lie, where there are several: "Train".
    frames
        How events are counted; times are in microseconds. It has to say for how many steps.
    batch_size, seed, options
        As for `ShuffledBatches`.

    Raises
    ------
    UsageError
        For frames without a number of steps, or without the library that the files need.
    DataError
        For files that are missing or damaged, or have events outside the frames.
    """

    def __init__(
        self,
        path: str | Path,
        part: str = "",
        *,
        frames: EventFrames = NMNIST_FRAMES,
        batch_size: int = 32,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        if frames.steps is None:
            raise UsageError("expected frames for a number of steps, so that all batches have as many: pass steps")
        self.files = ClassFolders(path, (NMNIST_SUFFIX, *CAMERA_SUFFIXES), part)
        self.labels = self.files.labels
        self.frames = frames
        self._duration = frames.steps * frames.bin  # from the first event on, which is not before the start
        super().__init__(self.labels, batch_size, seed, **options)

    def read(self, places: Array) -> tuple[Array, Array]:
        """Return the frames and labels at these places."""
        parts = []
        for place in places:
            events = self._events(int(place))
            try:
                parts.append(self.frames([events])[0])
            except DataError as error:
                reason = str(error).removeprefix("sample 0: ")
                raise DataError(f"{self.files.where(int(place))}: {reason}") from None
        return np.stack(parts), self.labels[places]

    def _events(self, place: int) -> Array:
        if self.files.path.is_dir():
            return read_events(self.files.file(place), duration=self._duration)
        if not self.files.names[place].lower().endswith(NMNIST_SUFFIX):
            self.files.file(place)
        return nmnist_events(self.files.read(place, _MOST_BYTES), self.files.where(place))
