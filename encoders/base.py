"""What an encoder is: it turns a signal, in the units of the model's input, into currents in the same units."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from ..converter.ops import Array

__all__ = ["Encoder"]


class Encoder(ABC):
    """From a signal to the currents that enter a network, step by step.

    An encoder keeps no state: what it returns depends on its arguments only, and for one sample neither on the samples
    beside it nor on how the samples are cut into batches.

    Attributes
    ----------
    name
        What the registry calls it; "" for one that is not registered.
    summary
        A clause for listings.
    good_for
        Another: when to use it, and when not.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    good_for: ClassVar[str] = ""

    @abstractmethod
    def encode(self, signal: Array, n_steps: int, *, first: int = 0) -> Array:
        """Return the currents of some samples.

        Parameters
        ----------
        signal
            ``(steps, samples, *shape)`` with at least ``n_steps`` steps, or ``(1, samples, *shape)`` where the samples
            never change.
        n_steps
            How many steps they are presented for.
        first
            The number of the first sample among all: whatever is random depends on a sample's number.

        Returns
        -------
        currents
            ``(n_steps, samples, *shape)`` float64, or ``(1, samples, *shape)`` where they never change.
        """

    def count_events(self, currents: Array) -> Array | None:
        """Return how many events these currents stand for, ``(samples,)``; None where they are no events."""
        return None

    def for_input(self, number: int, low: float | None, high: float | None) -> Self:
        """Return the encoder for one input of a network.

        Parameters
        ----------
        number
            Which of the inputs, from 0, so that several draw different random numbers.
        low, high
            The range that calibration saw there: the default of encoders that need one.
        """
        return self
