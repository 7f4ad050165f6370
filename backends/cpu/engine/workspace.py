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
        self._free: dict[Any, list[Array]] = {}

    def take(self, shape: Shape, kind: Any) -> Array:
        """Return an array with whatever it holds: the smallest free one that is large enough, or a new one."""
        size, free = math.prod(shape), self._free.setdefault(np.dtype(kind), [])
        fitting = [i for i, held in enumerate(free) if len(held) >= size]
        if fitting:
            return free.pop(min(fitting, key=lambda i: len(free[i])))[:size].reshape(shape)
        if free:  # one that is too small would lie there for ever
            free.pop()
        return np.empty(size, kind)[:].reshape(shape)

    def give_back(self, *arrays: Array) -> None:
        """Take arrays back that no one reads any more."""
        for array in arrays:
            whole = array
            while isinstance(whole.base, np.ndarray):
                whole = whole.base
            self._free.setdefault(whole.dtype, []).append(whole)
