"""Ways in whole numbers: weights and voltages as multiples of a part of the threshold, as small as fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....converter.ops import Array
from .fire_whole import LIMIT
from .quads import LARGEST
from .row_map import RowMap
from .way import Way

__all__ = ["as_ways", "phase_setup"]

_ROOM = 2**24  # of the limit, for bounds of rounding
_MOST_BITS = 28
_BY_OUTPUT = 2**20  # weights that are kept output by output as well, for neurons in doubt


def as_ways(
    maps: Sequence[RowMap], limits: Sequence[tuple[int, int]], constant: Array, voltage: Array, n_min: int
) -> tuple[list[Way], Array] | None:
    """Return maps in whole numbers, and the neurons' setup as `fire_whole` takes it; None where they have no room.

    The parts of a threshold are powers of two, for each neuron as small as the largest current that any events could
    bring, and the digits of the largest weight, allow. Rounding to them is off by half a part for each event, and that
    is the bound on the voltage.

    Parameters
    ----------
    maps
        In thresholds.
    limits
        The fewest and the most events that a neuron of each map's source sends in a step.
    constant, voltage
        ``(places | 1, lanes)`` float64, in thresholds.
    """
    most, largest = np.abs(constant).max(axis=0), np.zeros(constant.shape[1])
    for to, (low, high) in zip(maps, limits, strict=True):
        for block, place in zip(to.weights, most.reshape(len(to.weights), -1), strict=True):
            above, below = np.maximum(block, 0).sum(axis=0), np.minimum(block, 0).sum(axis=0)
            place += np.maximum(high * above + low * below, -low * above - high * below)
        largest = np.maximum(largest, np.abs(to.weights).max(axis=1, initial=0).reshape(-1))
    bits = np.floor(np.log2((LIMIT - _ROOM) / np.maximum(most, 1e-9)))
    bits = np.minimum(bits, np.floor(np.log2(LARGEST / np.maximum(largest, 1e-9))))
    bits = np.minimum(bits, _MOST_BITS - int(np.ceil(np.log2(max(-n_min, 1)))))
    if not np.isfinite(bits).all() or bits.min() < 1 or np.abs(voltage).max() > 2:
        return None
    parts = 2.0**bits
    places = max(len(constant), len(voltage))
    setup = np.empty((places, 3, len(bits)), np.int32)
    setup[:, 0] = np.rint(voltage * parts)
    setup[:, 1] = np.rint(constant * parts)
    setup[:, 2] = bits
    ways = []
    for to in maps:
        whole = np.empty(to.weights.shape, np.int32)
        for block, into, lanes in zip(to.weights, whole, parts.reshape(len(whole), -1), strict=True):
            into[:] = np.rint(block * lanes)
        by_output = to.weights.size <= _BY_OUTPUT
        exact = np.ascontiguousarray(to.weights.transpose(0, 2, 1)) if by_output else to.weights
        ways.append(Way(to._replace(weights=whole), exact.reshape(-1), 1 if by_output else to.weights.shape[2]))
    return ways, setup


def phase_setup(constant: Array, voltage: Array) -> Array | None:
    """Return the setup that `fire_phase` takes; None where a voltage is not one that it can begin with."""
    if voltage.min() < 0 or voltage.max() > 1 - 1e-6:
        return None
    setup = np.empty((max(len(constant), len(voltage)), 2, constant.shape[1]))
    setup[:, 0] = voltage
    setup[:, 1] = constant
    return setup
