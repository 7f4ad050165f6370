"""Values: what nodes without neurons give in each step, as the engine adds it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....converter.dynamics import Signal
from ....converter.ops import Array
from .events import Events

__all__ = ["Values", "added"]


@dataclass(frozen=True, eq=False)
class Values:
    """Values of each neuron: ``(steps | 1, samples, …)``."""

    values: Array
    constant: bool

    @classmethod
    def of(cls, source: Signal | Events) -> Values:
        signal = source.signal() if isinstance(source, Events) else source
        return cls(signal.values.reshape(*signal.values.shape[:2], -1), signal.constant)

    def reshaped(self, shape: tuple[int, ...]) -> Signal:
        return Signal(self.values.reshape(*self.values.shape[:2], *shape), self.constant)


def added(parts: Sequence[Values]) -> Values:
    """Return the sum of values."""
    total = parts[0].values
    for part in parts[1:]:
        total = total + part.values
    return Values(total, all(part.constant for part in parts))
