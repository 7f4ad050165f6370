"""The range of an input's values, and the value in it that sends nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..converter.ops import Array
from ..errors import UsageError

__all__ = ["ValueRange"]


@dataclass(frozen=True)
class ValueRange:
    """Values from ``low`` to ``high``, and beside them `rest`: 0, or the end next to 0 where 0 is outside.

    Values above rest and values below it send events of different sign. Rest itself is a constant current, and no
    current at all wherever 0 is in the range.
    """

    low: float
    high: float

    @classmethod
    def of(cls, encoder: str, low: float | None, high: float | None) -> ValueRange:
        """Return a checked range.

        Raises
        ------
        UsageError
            When an end is missing or the range is empty.
        """
        if low is None or high is None:
            raise UsageError(f"{encoder}: expected the range of the values as low and high, received {low} and {high}")
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UsageError(f"{encoder}: expected low below high, both finite, received {low} and {high}")
        return cls(float(low), float(high))

    @property
    def rest(self) -> float:
        """Return the value that sends nothing."""
        return min(max(0.0, self.low), self.high)

    @property
    def reach(self) -> float:
        """Return the largest distance from rest."""
        return max(self.high - self.rest, self.rest - self.low)

    def amplitude(self, x: Array) -> Array:
        """Return the signed size of an event for each value: from rest to that end of the range on whose side it lies.

        Where the range has one side only, values on the other are as large with the other sign.
        """
        up = self.high - self.rest or self.rest - self.low
        down = self.low - self.rest or self.rest - self.high
        return np.where(x >= self.rest, up, down)
