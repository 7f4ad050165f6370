"""Way: how the events of a source come into a population that is run in whole numbers."""

from __future__ import annotations

from typing import NamedTuple

from ....converter.ops import Array
from .row_map import RowMap

__all__ = ["Way"]


class Way(NamedTuple):
    """A way by which events come in, in whole numbers and exactly.

    Attributes
    ----------
    to
        In parts of the thresholds: int32.
    exact, exact_width
        Its weights in thresholds, float64 and flat, in blocks of so many outputs: of one, which takes memory, or as
        they are in the map.
    """

    to: RowMap
    exact: Array
    exact_width: int
