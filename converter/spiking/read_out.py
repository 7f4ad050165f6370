"""The read-out window: leave the first steps out where that brings the output nearer to the model's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..dynamics import Signal
from ..ops import Array, Output

__all__ = ["fit_read_out"]

_BETTER = 0.97  # of the error so far: what a longer silence has to bring
_NO_ERROR = 1e-10  # of the target's mean square: float rounding, which no silence lowers


def fit_read_out(op: Output, current: Signal, target: Array) -> Output:
    """Return the read-out that starts after so many steps that its error after all of them is least.

    Signals take some steps to reach the last layer; their mean is nearer to the model's without these (a delayed
    read-out, as in Hwang et al. 2021, "Low-latency spiking neural networks using pre-charged membrane potential and
    delayed evaluation").

    Parameters
    ----------
    current
        Into the read-out: ``(steps, samples, *shape)``.
    target
        What the model has there, before its last activation: ``(samples, *shape)``.
    """
    values = current.values

    def error(start: int) -> float:
        return float(np.mean((values[start:].mean(axis=0) - target) ** 2))

    start, least = 0, error(0)
    rounding = _NO_ERROR * float(np.mean(target**2))
    for candidate in range(1, len(values) // 2 + 1):
        found = error(candidate)
        if found < _BETTER * least - rounding:
            start, least = candidate, found
    return replace(op, start=start)
