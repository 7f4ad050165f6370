"""Rate coding by chance: the larger a value, the likelier a spike at each step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ..converter.ops import Array, sample_keys, uniform
from ..errors import UsageError
from .base import Encoder
from .value_range import ValueRange

__all__ = ["Poisson"]


@dataclass(frozen=True)
class Poisson(Encoder):
    """Spikes by chance, independent from step to step; their mean tends to the value for every value.

    With a the end of the range on the value's side of zero, a value x sends a spike of size a with probability x/a, so
    that the current's mean is x and its variance x·(a − x). The error of the mean falls with the square root of the
    steps. A value outside the range sends several spikes in a step: ⌊x/a⌋ of them, and one more with the probability
    that remains.

    Parameters
    ----------
    low, high
        The range of the values; by default that of the calibration samples at this input. Positive spikes carry
        ``high``, negative ones ``low``.
    seed
        Which random numbers; the same seed gives the same spikes.
    stream
        Tells the inputs of a network apart.
    """

    low: float | None = None
    high: float | None = None
    seed: int = 0
    stream: int = 0

    name: ClassVar[str] = "poisson"
    summary: ClassVar[str] = "a spike or none at each step, by chance, likelier for larger values"
    good_for: ClassVar[str] = "networks whose input are spikes too; needs many more steps than a constant current"

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int):
            raise UsageError(f"Poisson: expected seed as a whole number, received {self.seed!r}")
        if self.low is not None and self.high is not None:
            ValueRange.of("Poisson", self.low, self.high)

    def encode(self, signal: Array, n_steps: int, *, first: int = 0) -> Array:
        """Return spikes: ``(n_steps, samples, *shape)``."""
        values = ValueRange.of("Poisson", self.low, self.high)
        steps, samples, *shape = signal.shape
        flat = signal.reshape(steps, samples, -1).astype(np.float64)
        keys = sample_keys(self.seed, f"input {self.stream}", first, samples)[:, None]
        currents = np.empty((n_steps, *flat.shape[1:]))
        for t in range(n_steps):
            if t == 0 or steps > 1:
                amplitude = values.amplitude(flat[t])
                expected = flat[t] / amplitude  # never negative
            currents[t] = amplitude * np.floor(expected + uniform(keys, t, flat.shape[2]))
        return currents.reshape(n_steps, samples, *shape)

    def count_events(self, currents: Array) -> Array:
        """Return the number of spikes of each sample."""
        values = ValueRange.of("Poisson", self.low, self.high)
        spikes = np.rint(currents / values.amplitude(currents))
        return np.asarray(spikes.swapaxes(0, 1).reshape(currents.shape[1], -1).sum(axis=1).astype(np.int64))

    def for_input(self, number: int, low: float | None, high: float | None) -> Self:
        """Return the encoder with the calibrated range and a stream of its own."""
        own_low = low if self.low is None else self.low
        own_high = high if self.high is None else self.high
        return replace(self, low=own_low, high=own_high, stream=self.stream + number)
