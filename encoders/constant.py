"""The default: the value itself, at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..converter.ops import Array
from .base import Encoder

__all__ = ["ConstantCurrent"]


@dataclass(frozen=True)
class ConstantCurrent(Encoder):
    """The signal as it is: a constant sample is the same current at every step, a sequence plays step by step."""

    name: ClassVar[str] = "constant"
    summary: ClassVar[str] = "the value itself as a current, at every step: the default"
    good_for: ClassVar[str] = "the fewest steps; the first layer works on real numbers, not on events"

    def encode(self, signal: Array, n_steps: int, *, first: int = 0) -> Array:
        """Return the signal, cut to the steps."""
        return signal[:n_steps].astype(np.float64)
