"""The machine's limits: bytes that all cores copy in a second, and numbers that they add in the first-level cache.

Prints them as JSON; run it as ``limits.py ROUNDS``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

COPIED = 2**27  # bytes of the array that is copied: beyond any cache
ADDED = 1024  # values of each of the two arrays of a core: at most 16 KiB together
REPEATS = 200_000


@numba.njit(parallel=True)
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for part in numba.prange(len(source)):
        target[part, :] = source[part, :]


@numba.njit(parallel=True)
def _add(sums: np.ndarray, values: np.ndarray, repeats: int) -> None:
    for core in numba.prange(len(sums)):
        mine, added = sums[core], values[core]
        for _ in range(repeats):
            for i in range(len(mine)):
                mine[i] += added[i]


def measured(rounds: int) -> dict[str, float]:
    """Return the best of the rounds: ``copied_bytes`` (each counts twice) and ``added_TYPE``, a second."""
    cores = numba.get_num_threads()
    works: dict[str, tuple[Callable[[], Any], float]] = {}
    source = np.ones((64 * cores, COPIED // (256 * cores)), np.float32)
    target = np.empty_like(source)
    works["copied_bytes"] = (lambda: _copy(source, target), 2 * source.nbytes)
    for kind in (np.float32, np.float64):
        sums, values = np.zeros((cores, ADDED), kind), np.full((cores, ADDED), 1e-3, kind)
        amount = cores * ADDED * REPEATS
        works[f"added_{np.dtype(kind).name}"] = (lambda s=sums, v=values: _add(s, v, REPEATS), amount)
    rates: dict[str, list[float]] = {name: [] for name in works}
    for work, _ in works.values():
        work()  # compiles
    for _ in range(rounds):
        for name, (work, amount) in works.items():
            start = time.perf_counter()
            work()
            rates[name].append(amount / (time.perf_counter() - start))
    return {name: max(values) for name, values in rates.items()}


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
