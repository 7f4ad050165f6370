"""Send-on-delta: events where a signal has changed, as an event camera's pixels send them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ..converter.ops import TIE, Array
from ..errors import UsageError
from .base import Encoder

__all__ = ["Delta"]

_PARTS = 16


@dataclass(frozen=True)
class Delta(Encoder):
    """Events of one size, +θ or −θ, whenever the signal is a threshold θ away from the sum of those sent so far.

    With s(t) the signal and r(t) that sum, r(0) = 0: n(t) = (s(t) − r(t−1))/θ without its fraction is how many events
    are sent at step t, and r(t) = r(t−1) + n(t)·θ. The network receives the reconstruction r(t), which is never a
    whole threshold away from the signal. A sample that does not change sends all its events at the first step.

    Parameters
    ----------
    threshold
        θ in the units of the input; by default a sixteenth of the range that calibration saw there.
    """

    threshold: float | None = None

    name: ClassVar[str] = "delta"
    summary: ClassVar[str] = "an event for each threshold that the signal has moved; the network receives their sum"
    good_for: ClassVar[str] = "sequences that change little from step to step; exact to one threshold, not beyond"

    def __post_init__(self) -> None:
        if self.threshold is not None and not (math.isfinite(self.threshold) and self.threshold > 0):
            raise UsageError(f"Delta: expected a threshold above 0, received {self.threshold}")

    def encode(self, signal: Array, n_steps: int, *, first: int = 0) -> Array:
        """Return the reconstruction: ``(n_steps, samples, *shape)``, of a constant ``(1, samples, *shape)``."""
        threshold = self._threshold()
        cut = signal[:n_steps]
        sent = np.empty(cut.shape)  # in thresholds
        total = np.zeros(cut.shape[1:])
        for t, values in enumerate(cut):
            away = values / threshold - total
            total = total + np.trunc(away + np.copysign(TIE, away))
            sent[t] = total
        return sent * threshold

    def count_events(self, currents: Array) -> Array:
        """Return the number of events of each sample: at each step, those that the sum moved by."""
        moved = np.diff(np.rint(currents / self._threshold()), axis=0, prepend=0.0)
        return np.asarray(np.abs(moved).swapaxes(0, 1).reshape(currents.shape[1], -1).sum(axis=1).astype(np.int64))

    def for_input(self, number: int, low: float | None, high: float | None) -> Self:
        """Return the encoder with a threshold that suits the calibrated range."""
        if self.threshold is not None or low is None or high is None or not low < high:
            return self
        return replace(self, threshold=(high - low) / _PARTS)

    def _threshold(self) -> float:
        if self.threshold is None:
            raise UsageError("Delta: expected a threshold, received none, and no range of the input to take it from")
        return self.threshold
