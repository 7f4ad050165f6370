"""The rate domain: how a non-linear analog op acts on sequences without losing accuracy."""

from __future__ import annotations

import numpy as np

from .base import Array, Op, as_type_of

__all__ = ["as_rate_domain"]


def as_rate_domain(op: Op, *sequences: Array) -> Array:
    """Run a non-linear analog op on sequences so that its running mean is the op of the running mean.

    ``out(t) = t·f(mean of z up to t) − (t−1)·f(mean of z up to t−1)``

    Parameters
    ----------
    op
        Any op that keeps no state.
    sequences
        Inputs of shape ``(steps, batch, *shape)``.

    Returns
    -------
    output
        ``(steps, batch, *shape)`` in the type of the inputs.
    """
    steps = len(sequences[0])
    count = np.arange(1, steps + 1, dtype=sequences[0].dtype)

    def over_time(x: Array) -> Array:
        return count.reshape(-1, *(1,) * (x.ndim - 1))

    means = [np.cumsum(x, axis=0) / over_time(x) for x in sequences]
    flat = op.apply(*(m.reshape(-1, *m.shape[2:]) for m in means))
    sums = flat.reshape(steps, -1, *flat.shape[1:])
    sums = sums * over_time(sums)
    sums[1:] -= sums[:-1].copy()
    return np.asarray(as_type_of(sums, sequences[0]))
