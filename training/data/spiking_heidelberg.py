"""The Spiking Heidelberg Digits and Spiking Speech Commands in their HDF5 files: read batch by batch, and written.

The layout is that of https://zenkelab.org/resources/spiking-heidelberg-datasets-shd: a group ``spikes`` with ``times``
(seconds) and ``units`` (0 to 699), an array of each for every recording, and ``labels`` beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ...converter.ops import Array
from ...converter.storage import written_at_once
from ...errors import DataError, UsageError
from .shuffled_batches import ShuffledBatches

__all__ = ["HeidelbergSpikes", "write_heidelberg"]

UNITS = 700
"""The channels of the two data sets."""


class HeidelbergSpikes(ShuffledBatches):
    """Batches of spike counts ``(batch, n_steps, channels)`` float32, with their labels, for ``model.fit``.

    A batch is read from the file when it is asked for, so memory does not grow with the data set.

    Parameters
    ----------
    path
        The .h5 file, unpacked.
    n_steps, duration
        How many steps there are, and the seconds that they cover; later spikes are left out.
    channels
        Units side by side are counted together into so many channels.
    units
        How many units the recordings have.
    clip
        The most that a count may be; 1 for spikes or none. None leaves the counts.
    batch_size, seed, options
        As for `ShuffledBatches`.

    Raises
    ------
    DataError
        For a file that is missing, has another layout, or holds units or labels out of range.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        n_steps: int = 128,
        duration: float = 1.0,
        channels: int = 128,
        units: int = UNITS,
        batch_size: int = 256,
        clip: int | None = 1,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        if min(n_steps, channels, units) < 1 or not (math.isfinite(duration) and duration > 0):
            raise UsageError(f"{path}: expected steps, duration, channels and units above 0")
        self.path = Path(path)
        self.n_steps = n_steps
        self.duration = duration
        self.channels = channels
        self.units = units
        self.clip = clip
        with self._open() as file:
            self.labels = np.asarray(file["labels"][:], np.int64)
        super().__init__(self.labels, batch_size, seed, **options)

    @property
    def classes(self) -> int:
        """Return how many classes there are."""
        return int(self.labels.max()) + 1

    def read(self, places: Array) -> tuple[Array, Array]:
        """Return the counts and the labels at these places."""
        counts = np.zeros((len(places), self.n_steps, self.channels), np.float32)
        with self._open() as file:
            for row, place in enumerate(places):
                counts[row] = self._counts(file["spikes/times"][place], file["spikes/units"][place], int(place))
        return counts, self.labels[places]

    def _counts(self, times: Array, units: Array, place: int) -> Array:
        times, units = np.asarray(times, np.float64), np.asarray(units, np.int64)
        if len(times) != len(units) or not np.isfinite(times).all() or times.min(initial=0) < 0:
            raise DataError(f"{self.path}: recording {place}: expected a unit and a time from 0 on for each spike")
        if units.min(initial=0) < 0 or units.max(initial=0) >= self.units:
            raise DataError(
                f"{self.path}: recording {place}: expected units from 0 to {self.units - 1}, received {units.max()}; "
                "pass units="
            )
        steps = np.floor(times * (self.n_steps / self.duration)).astype(np.int64)
        kept = steps < self.n_steps
        where = steps[kept] * self.channels + units[kept] * self.channels // self.units
        counts = np.bincount(where, minlength=self.n_steps * self.channels).reshape(self.n_steps, self.channels)
        return np.asarray(counts if self.clip is None else np.minimum(counts, self.clip), np.float32)

    def _open(self) -> h5py.File:
        try:
            file = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise DataError(f"{self.path}: expected an HDF5 file of spikes, found no file of this name") from None
        except OSError as error:
            raise DataError(f"{self.path}: expected an HDF5 file of spikes, received another: {error}") from None
        missing = [name for name in ("spikes/times", "spikes/units", "labels") if name not in file]
        sizes = {len(file[name]) for name in ("spikes/times", "spikes/units", "labels") if name not in missing}
        if missing or len(sizes) != 1 or sizes == {0}:
            file.close()
            raise DataError(
                f"{self.path}: expected spikes/times, spikes/units and labels of one length, "
                + (f"missing {', '.join(missing)}" if missing else f"received lengths {sorted(sizes)}")
            )
        return file


def write_heidelberg(
    path: str | Path,
    times: Sequence[Array],
    units: Sequence[Array],
    labels: Sequence[int],
    speakers: Sequence[int] = (),
) -> None:
    """Write recordings in the layout of the data sets, at once or not at all.

    Parameters
    ----------
    times, units
        Of each recording, the seconds and the channel of each spike.
    speakers
        Of each recording; kept as ``extra/speaker``.
    """
    with written_at_once(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        spikes = file.create_group("spikes")
        for name, values, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            stored = spikes.create_dataset(name, (len(values),), h5py.vlen_dtype(kind))
            for place, value in enumerate(values):
                stored[place] = np.asarray(value, kind)
        file.create_dataset("labels", data=np.asarray(labels, np.uint16))
        if len(speakers):
            file.create_dataset("extra/speaker", data=np.asarray(speakers, np.uint16))
