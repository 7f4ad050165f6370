"""dt: seconds of a step, as a number or as a variable that a schedule changes."""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["Seconds", "seconds_of"]

Seconds = Any
"""A number, or a `keras.Variable`."""


def seconds_of(dt: Seconds) -> Any:
    """Return dt as a number or a tensor."""
    return dt if isinstance(dt, int | float) else ops.convert_to_tensor(dt)
