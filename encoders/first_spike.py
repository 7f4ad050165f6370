"""Latency coding: one event for each value, the earlier the larger it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ..converter.ops import Array
from ..errors import UsageError
from .base import Encoder
from .value_range import ValueRange

__all__ = ["TimeToFirstSpike"]


@dataclass(frozen=True)
class TimeToFirstSpike(Encoder):
    """One event for each value: the earlier the farther it is from zero, and none for zero itself.

    With R the largest distance from zero in the range, T the steps and W the steps in which events are sent: a value x
    sends its event at step 1 + ⌊W·(1 − abs(x)/R)⌋, at the latest at step W, and the event carries the charge T·x. After
    step W the input has delivered exactly what a constant current delivers in all T steps.

    The mean of the input is then exact, but large values come first. Graded neurons send several events in a step and
    take back what was too much, so that their answer converges as with a constant current where the window leaves
    them time, as the default does. Binary neurons take nothing back and keep an error that no number of steps removes.

    Parameters
    ----------
    low, high
        The range of the values; by default that of the calibration samples at this input.
    window
        The share of the steps in which events are sent, W/T; in the rest the network works off what came in.
    """

    low: float | None = None
    high: float | None = None
    window: float = 0.25

    name: ClassVar[str] = "first-spike"
    summary: ClassVar[str] = "one event for each value, earlier for larger ones, with the charge of all steps"
    good_for: ClassVar[str] = "the fewest events; constant samples only, and best with graded neurons"

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None:
            ValueRange.of("TimeToFirstSpike", self.low, self.high)
        if not (math.isfinite(self.window) and 0 < self.window <= 1):
            raise UsageError(f"TimeToFirstSpike: expected a window above 0 and at most 1, received {self.window}")

    def encode(self, signal: Array, n_steps: int, *, first: int = 0) -> Array:
        """Return the events: ``(n_steps, samples, *shape)``.

        Raises
        ------
        UsageError
            For a sequence: a value that changes has no one event.
        """
        if len(signal) > 1:
            raise UsageError(
                f"TimeToFirstSpike: expected samples that do not change, received a sequence of {len(signal)} steps"
            )
        values = ValueRange.of("TimeToFirstSpike", self.low, self.high)
        x = signal[0].astype(np.float64)
        latest = max(int(self.window * n_steps), 1) - 1
        place = np.clip(1 - np.abs(x) / values.reach, 0, 1)
        step = np.minimum((place * (latest + 1)).astype(np.int64), latest)
        currents = np.zeros((n_steps, *x.shape))
        for t in range(latest + 1):
            currents[t] = np.where(step == t, n_steps * x, 0.0)
        return currents

    def count_events(self, currents: Array) -> Array:
        """Return how many values of each sample are not zero."""
        sent = (currents != 0).swapaxes(0, 1)
        return np.asarray(sent.reshape(currents.shape[1], -1).sum(axis=1))

    def for_input(self, number: int, low: float | None, high: float | None) -> Self:
        """Return the encoder with the calibrated range."""
        return replace(self, low=low if self.low is None else self.low, high=high if self.high is None else self.high)
