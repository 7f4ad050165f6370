"""Fewer spikes where these answer as well: the lowest rates at which the classes stay those of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from .chain import ChainResult
from .expected_loss import expected_flips, relative_error

__all__ = ["Tolerates", "fewest_spikes"]

_TOLERATED = 1 / 800  # share of new samples whose class may be another than the model's
_LARGEST_ERROR = 0.03  # of the scores' deviation: what looks like classes may be values that somebody reads
_LEAST_SAMPLES = 100  # of fewer, the estimate says too little
_HALVES = 5  # as often, at most, the rates are halved
_HALVES_ON_DEMAND = 8  # the same where somebody said what may be lost
_BISECTIONS = 2  # between the lowest rates that are tolerated and the next

RateScales = Mapping[str, float]
Tolerates = Callable[[ChainResult], bool]
"""Says whether a calibration is good enough."""


def fewest_spikes(calibrate: Callable[[RateScales], ChainResult], tolerates: Tolerates | None = None) -> ChainResult:
    """Return the calibration with the lowest rates that are tolerated, or the one of the least error.

    By default rates are lowered only where the thresholds of the least error change fewer than one class in 800, so
    only networks that are better than they need to be are calibrated more than once.

    Parameters
    ----------
    calibrate
        Population → its rate scale; those that are missing keep the stages' scale.
    """
    most = _HALVES if tolerates is None else _HALVES_ON_DEMAND
    tolerates = tolerates or _classes_stay
    best = full = calibrate({})
    if not tolerates(full):
        return best
    tolerated = 0.0  # as often the rates may be halved
    for halves in range(1, most + 1):
        found = calibrate(_shared_out(full.spikes, 0.5**halves))
        if not tolerates(found):
            break
        best, tolerated = found, halves
    else:
        return best
    step = 0.5
    for _ in range(_BISECTIONS):
        found = calibrate(_shared_out(full.spikes, 0.5 ** (tolerated + step)))
        if tolerates(found):
            best, tolerated = found, tolerated + step
        step /= 2
    return best


def _shared_out(spikes: Mapping[str, float], lowest: float) -> RateScales:
    """Return each population's scale, ``lowest`` where there are most spikes: as few as possible for the same error.

    A population's share in the squared error grows with θ², its spikes fall with 1/θ. The sum of the spikes is least,
    for a sum of errors, where θ³ grows in proportion to the spikes that there would be at the thresholds of the least
    error, which round each population alike.
    """
    most = max(spikes.values())
    return {name: min(1.0, lowest * math.cbrt(most / max(count, 1e-9))) for name, count in spikes.items()}


def _classes_stay(found: ChainResult) -> bool:
    """Say whether the outputs are classes that stay what they were, and whose scores hardly change."""
    if found.count < _LEAST_SAMPLES:
        return False
    for op, expected, sent in found.outputs:
        flips = expected_flips(expected, sent, op, counted=False)
        if flips is None or flips > _TOLERATED or relative_error(expected, sent) > _LARGEST_ERROR:
            return False
    return bool(found.outputs)
