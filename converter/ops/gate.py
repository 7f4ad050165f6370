"""The gate: max pooling that passes what the winner of each window sends, and nothing else."""

from __future__ import annotations

import numpy as np

from .base import Array, Op
from .neuron_state import TIE
from .over_time import OverTime
from .pool import MaxPool
from .rate_domain import RunningSums

__all__ = ["as_gate", "is_gate", "pass_winners"]


def is_gate(op: Op) -> bool:
    """Say whether an op is max pooling by a gate, by itself or at each place of the sample's time axis."""
    inner = op.op if isinstance(op, OverTime) else op
    return isinstance(inner, MaxPool) and inner.gate


def pass_winners(op: Op, sums: Array, x: Array) -> Array:
    """Return one step of a gate: of each window, the value of the member with the largest sum, the first of equals.

    Rueckauer et al. 2017, "Conversion of Continuous-Valued Deep Networks to Efficient Event-Driven Networks for Image
    Classification", on spiking max pooling.

    Parameters
    ----------
    op
        For which `is_gate` holds.
    sums
        What each member has sent so far, this step included: ``(batch, *shape)``, float64. Sums that differ by rounding
        only are equal, so that backends which add in another order open the same gates.
    x
        What each member sends in this step: ``(batch, *shape)``.

    Returns
    -------
    passed
        ``(batch, *out)``
    """
    if isinstance(op, OverTime):
        inner = pass_winners(op.op, sums.reshape(-1, *sums.shape[2:]), x.reshape(-1, *x.shape[2:]))
        return inner.reshape(len(x), x.shape[1], *inner.shape[1:])
    if not isinstance(op, MaxPool):
        raise TypeError(f"expected max pooling, received {op.kind}")
    totals = op.members(sums, -np.inf)
    best = totals.max(axis=0)
    winner = np.argmax(totals >= best - TIE * np.abs(best), axis=0)  # the first that is true
    return np.asarray(np.take_along_axis(op.members(x, 0.0), winner[None], axis=0)[0])


def as_gate(op: Op, sequence: Array, so_far: RunningSums | None = None) -> Array:
    """Run a gate over a sequence: ``out(t) = s_w(t)``, w the member with the largest sum of s up to t.

    Events stay events, since what a member sends is passed or not. On events of 0 or 1 from neurons of one threshold,
    the output is never below what the winner has sent, and above it by one event each time that an earlier member of
    the window draws level with the leader: then both of their events pass.

    Parameters
    ----------
    op
        For which `is_gate` holds.
    sequence
        ``(steps, batch, *shape)``
    so_far
        The steps before these; changed in place. The output is the same as that of all steps at once.

    Returns
    -------
    output
        ``(steps, batch, *out)`` in the type of the input.
    """
    so_far = RunningSums() if so_far is None else so_far
    (sums,) = so_far.add(sequence.astype(np.float64))
    return np.stack([pass_winners(op, s, x) for s, x in zip(sums, sequence)])
