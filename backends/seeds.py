"""The seed of a run: an option of every backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UsageError

__all__ = ["seed_from"]


def seed_from(options: dict[str, Any], backend: str) -> int:
    """Take the seed out of a backend's options; 0 where none is given.

    Raises
    ------
    UsageError
        For anything but a whole number.
    """
    seed = options.pop("seed", 0)
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise UsageError(f"the {backend} backend takes a whole number as seed, received {seed!r}")
    return int(seed)
