"""Workspace: memory that a thread uses again, from population to population and from block to block of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....converter.ops import Array, Shape

__all__ = ["Workspace"]


class Workspace:
    """Arrays that are taken and given back. Memory that the system gave once is not asked for again and zeroed."""

    def __init__(self) -> None:
        self._free: dict[Any, dict[int, list[Array]]] = {}

    def take(self, shape: Shape, kind: Any) -> Array:
        """Return an array with whatever it holds: the smallest free one that is large enough, or a new one."""
        size = math.prod(shape)
        free = self._free.setdefault(kind, {})
        fitting = size if size in free else min((held for held in free if held >= size), default=0)
        if fitting:
            found = free[fitting]
            whole = found.pop()
            if not found:
                del free[fitting]
            return whole[:size].reshape(shape)
        if free:  # one that is too small would lie there for ever
            del free[min(free)]
        return np.empty(size, kind)[:].reshape(shape)

    def give_back(self, *arrays: Array) -> None:
        """Take arrays back that no one reads any more."""
        for array in arrays:
            whole = array
            while isinstance(whole.base, np.ndarray):
                whole = whole.base
            self._free.setdefault(whole.dtype.type, {}).setdefault(len(whole), []).append(whole)
