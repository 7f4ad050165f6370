"""Which ops send events."""

from __future__ import annotations

from .base import Op
from .cell import Cell
from .neurons import Neurons

__all__ = ["is_population"]


def is_population(op: Op) -> bool:
    """Say whether an op sends events: neurons, and trained cells that fire."""
    return isinstance(op, Neurons) or (isinstance(op, Cell) and op.fires)
