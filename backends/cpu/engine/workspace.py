"""Workspace: memory that a thread uses again for each block of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....converter.ops import Array, Shape

__all__ = ["Workspace"]


class Workspace:
    """Arrays by owner and use. Memory that the system gave once is not asked for again, which saves its zeroing."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, Any], Array] = {}

    def take(self, owner: str, use: str, shape: Shape, kind: Any) -> Array:
        """Return an array with whatever it holds; it is the owner's until it takes the next for this use."""
        size = math.prod(shape)
        held = self._held.get((owner, use, kind))
        if held is None or len(held) < size:
            held = self._held[owner, use, kind] = np.empty(size, kind)
        return held[:size].reshape(shape)
