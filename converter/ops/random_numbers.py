"""Random numbers that are a function of where they are used: the same whatever the order, the batch or the backend."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from .base import Array

__all__ = ["FRACTION", "SHIFT", "child", "sample_keys", "uniform"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ONE, _27, _30, _31 = np.uint64(1), np.uint64(27), np.uint64(30), np.uint64(31)
_WORD = 2**64 - 1

SHIFT = np.uint64(11)
"""The lowest bits of a key, which a float64 has no room for."""
FRACTION = 2.0**-53
"""What the other 53 bits are multiplied by, for a number in [0, 1)."""


def child(key: Any, index: Any) -> Any:
    """Return number ``index`` of the sequence that belongs to a key: a key itself, of 64 bits.

    It is splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), which can be
    entered at any place. A key of a seed has keys of streams as children, these have keys of samples, these of
    steps, and these of neurons or values. Takes uint64, in arrays or, compiled by numba, as numbers; multiplications
    wrap around.
    """
    z = key + (index + _ONE) * _GOLDEN
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


def sample_keys(seed: int, stream: str, first: int, count: int) -> Array:
    """Return the keys of samples: ``(count,)`` uint64.

    Parameters
    ----------
    seed
        Any whole number.
    stream
        What draws, and so does not share its numbers: the name of a population, or of an encoded input.
    first
        The place of the first of these samples among all, from 0.
    """
    name = np.array([zlib.crc32(stream.encode())], np.uint64)
    key = child(np.array([seed & _WORD], np.uint64), name)
    return np.asarray(child(key, np.arange(first, first + count, dtype=np.uint64)))


def uniform(keys: Array, step: int, size: int) -> Array:
    """Return numbers in [0, 1) for each neuron or value of samples in a step: ``(..., size)`` float64.

    Parameters
    ----------
    keys
        The samples' keys, ``(..., 1)`` uint64.
    """
    drawn = child(child(keys, np.array([step], np.uint64)), np.arange(size, dtype=np.uint64))
    return np.asarray((drawn >> SHIFT) * FRACTION)
