"""Whether compiled loops are ready: what a progress bar says at the first run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["is_compiled"]


def is_compiled(function: Any) -> bool:
    """Say whether numba compiled a function for this processor, in this process or in one that left it on disk.

    Parameters
    ----------
    function
        What ``numba.njit(cache=True)`` returned.
    """
    if function.signatures:
        return True
    place = function.stats.cache_path
    return place is not None and any(Path(place).glob(f"*.{function.py_func.__name__}-*.nbi"))
