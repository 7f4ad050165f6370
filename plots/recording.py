"""What was recorded of one sample, as a table of steps and neurons; all neurons, or some spread evenly over them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..converter.ops import Array
from ..errors import DataError

__all__ = ["as_table", "spread"]


def as_table(values: Any) -> Array:
    """Return ``(steps, *shape)`` as ``(steps, neurons)``.

    Raises
    ------
    DataError
        For an array without an axis for the neurons, or with nothing in it.
    """
    table = np.asarray(values)
    if table.ndim < 2 or not table.size:
        raise DataError(f"expected what one sample did, of shape (steps, neurons …), received shape {table.shape}")
    return table.reshape(len(table), -1)


def spread(neurons: int, most: int) -> Array:
    """Return the indices of at most ``most`` neurons, spread evenly over all of them.

    Raises
    ------
    DataError
        When none may be shown.
    """
    if most < 1:
        raise DataError(f"expected at least 1 neuron to show, received most={most}")
    return np.linspace(0, neurons, min(neurons, most), endpoint=False, dtype=np.int64)
