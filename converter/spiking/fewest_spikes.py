"""Fewer spikes where these answer as well: the lowest rate scale at which the classes stay those of the model."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..ops import Output
from .chain import ChainResult
from .expected_loss import expected_loss

__all__ = ["fewest_spikes"]

_TOLERATED = 0.001  # share of new samples whose class may be another than the model's
_LEAST_SAMPLES = 100  # of fewer, the estimate says too little
_LOWEST = 0.25  # thresholds four times as large


def fewest_spikes(calibrate: Callable[[float], ChainResult]) -> ChainResult:
    """Return the calibration with the lowest rate scale, between ¼ and 1, that the samples allow.

    Spikes fall with the rate scale. It is 1 where that changes more than one class in 2,000 already, so that only
    networks that are better than they need to be are calibrated more than once.

    Parameters
    ----------
    calibrate
        Rate scale → the calibrated network.
    """
    best, scale = calibrate(1.0), 1.0
    if best.count < _LEAST_SAMPLES or not _tolerated(best):
        return best
    refused = False
    while scale > _LOWEST and not refused:
        found = calibrate(scale / 2)
        refused = not _tolerated(found)
        if not refused:
            best, scale = found, scale / 2
    if refused:
        found = calibrate(scale * math.sqrt(0.5))
        if _tolerated(found):
            best = found
    return best


def _tolerated(found: ChainResult) -> bool:
    losses = [expected_loss(expected, sent, op) for op, expected, sent in found.outputs if isinstance(op, Output)]
    return max(losses, default=math.inf) <= _TOLERATED
