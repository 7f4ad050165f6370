"""The range of an input's values: how large an event is, and how far a value can be from zero."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..converter.ops import Array
from ..errors import UsageError

__all__ = ["ValueRange"]


@dataclass(frozen=True)
class ValueRange:
    """Values from ``low`` to ``high``. Zero sends nothing; values below it send events of negative sign."""

    low: float
    high: float

    @classmethod
    def of(cls, encoder: str, low: float | None, high: float | None) -> ValueRange:
        """Return a checked range.

        Raises
        ------
        UsageError
            When an end is missing, or there is nothing but zero between the two.
        """
        if low is None or high is None:
            raise UsageError(f"{encoder}: expected the range of the values as low and high, received {low} and {high}")
        if not (math.isfinite(low) and math.isfinite(high) and low <= high and (low or high)):
            raise UsageError(
                f"{encoder}: expected low and high, the smallest and the largest value, not both zero, "
                f"received {low} and {high}"
            )
        return cls(float(low), float(high))

    @property
    def reach(self) -> float:
        """Return the largest distance from zero."""
        return max(abs(self.low), abs(self.high))

    def amplitude(self, x: Array) -> Array:
        """Return the signed size of an event for each value: the end of the range on its side of zero.

        Where the range has one side only, values on the other get the far end with the other sign.
        """
        up = self.high if self.high > 0 else -self.low
        down = self.low if self.low < 0 else -self.high
        return np.where(x >= 0, up, down)
