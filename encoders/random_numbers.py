"""Random numbers by counting: each depends on its place alone, so that no batch, order or library changes one."""

from __future__ import annotations

import numpy as np

from ..converter.ops import Array

__all__ = ["PlacedNumbers"]

# The finaliser and the increment of splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
# generators", OOPSLA 2014, figures 16 and 17 (Stafford's variant 13).
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


class PlacedNumbers:
    """Uniform numbers for the values of some samples, step by step.

    Parameters
    ----------
    seed
        Any whole number.
    stream
        Tells apart what shares a seed: the inputs of a network.
    first
        The number of the first sample.
    samples, size
        How many samples, of how many values each.
    """

    def __init__(self, seed: int, stream: int, first: int, samples: int, size: int) -> None:
        key = np.array([seed & _MASK], np.uint64)
        for part in (stream, np.arange(first, first + samples)[:, None], np.arange(size)):
            key = _mixed(key, np.atleast_1d(part).astype(np.uint64))
        self._keys = key.reshape(samples, size)

    def at(self, step: int) -> Array:
        """Return numbers from 0 up to but not including 1: ``(samples, size)`` float64."""
        bits = _mixed(self._keys, np.array([step], np.uint64))
        return (bits >> np.uint64(11)) * 2.0**-53


def _mixed(key: Array, counter: Array) -> Array:
    """Return splitmix64's number ``counter`` of the generator that ``key`` seeds."""
    z = key + (counter + np.uint64(1)) * _INCREMENT  # wraps, silently in arrays
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return np.asarray(z ^ (z >> np.uint64(31)))
