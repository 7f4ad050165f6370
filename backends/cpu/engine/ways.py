"""Ways in whole numbers: weights and voltages as multiples of a part of the threshold, as small as fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....converter.ops import Array
from .fire_whole import LIMIT
from .row_map import RowMap
from .whole_population import Way

__all__ = ["as_ways", "phase_setup"]

_ROOM = 2**24  # of the limit, for bounds of rounding
_MOST_BITS = 28


def as_ways(
    maps: Sequence[RowMap], limits: Sequence[tuple[int, int]], constant: Array, voltage: Array, n_min: int
) -> tuple[list[Way], Array] | None:
    """Return maps in whole numbers, and the neurons' setup as `fire_whole` takes it; None where they have no room.

    The parts of a threshold are powers of two, for each neuron as small as the largest current that any events could
    bring allows. Rounding to them is off by half a part for each event, and that is the bound on the voltage.

    Parameters
    ----------
    maps
        In thresholds.
    limits
        The fewest and the most events that a neuron of each map's source sends in a step.
    constant, voltage
        ``(places | 1, lanes)`` float64, in thresholds.
    """
    most = np.abs(constant).max(axis=0)
    for to, (low, high) in zip(maps, limits, strict=True):
        up = np.where(to.weights > 0, high, low) * to.weights
        down = np.where(to.weights > 0, -low, -high) * to.weights
        most += np.maximum(up.sum(axis=1), down.sum(axis=1)).reshape(-1)
    bits = np.floor(np.log2((LIMIT - _ROOM) / np.maximum(most, 1e-9)))
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
        blocks, _, width = to.weights.shape
        whole = np.rint(to.weights * parts.reshape(blocks, 1, width)).astype(np.int32)
        ways.append(Way(to._replace(weights=whole), to))
    return ways, setup


def phase_setup(constant: Array, voltage: Array) -> Array | None:
    """Return the setup that `fire_phase` takes; None where a voltage is not one that it can begin with."""
    if voltage.min() < 0 or voltage.max() > 1 - 1e-6:
        return None
    setup = np.empty((max(len(constant), len(voltage)), 2, constant.shape[1]))
    setup[:, 0] = voltage
    setup[:, 1] = constant
    return setup
