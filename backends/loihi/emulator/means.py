"""The mean of spikes so far, at each step, compiled."""

from __future__ import annotations

import numba

from ....converter.ops import Array

__all__ = ["running_means"]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def running_means(spikes: Array, worth: Array, offset: Array, means: Array) -> None:
    """Write ``worth · (mean of the spikes up to each step) + offset``.

    Parameters
    ----------
    spikes
        ``(samples, steps, neurons)`` int8.
    worth, offset
        ``(neurons,)`` float64.
    means
        ``(samples, steps, neurons)`` float64.
    """
    samples, steps, n = spikes.shape
    for k in range(samples):
        for i in range(n):
            means[k, 0, i] = spikes[k, 0, i]
        for step in range(1, steps):
            for i in range(n):
                means[k, step, i] = means[k, step - 1, i] + spikes[k, step, i]
        for step in range(steps):
            for i in range(n):
                means[k, step, i] = means[k, step, i] / (step + 1) * worth[i] + offset[i]
