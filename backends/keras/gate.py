"""Max pooling as a gate, in keras.ops: `pass_winners` with tensors."""

from __future__ import annotations

from typing import Any

from keras import ops

from ...converter.ops import MaxPool, Op, OverTime
from ...converter.ops.window import window_slices
from ...training.dynamics import tie_of
from .sliding import padded

__all__ = ["pass_winners"]


def pass_winners(op: Op, sums: Any, x: Any) -> Any:
    """Return one step of a gate: of each window, the value of the member with the largest sum, the first of equals.

    Parameters
    ----------
    op
        For which `is_gate` holds.
    sums, x
        What each member has sent so far, and in this step: ``(batch, *shape)``.
    """
    if isinstance(op, OverTime):
        inner = pass_winners(op.op, ops.reshape(sums, (-1, *sums.shape[2:])), ops.reshape(x, (-1, *x.shape[2:])))
        return ops.reshape(inner, (-1, x.shape[1], *inner.shape[1:]))
    if not isinstance(op, MaxPool):
        raise TypeError(f"expected max pooling, received {op.kind}")
    totals = _members(op, sums, -1e30)
    best = ops.max(totals, axis=0)
    tie = tie_of(str(x.dtype).rsplit(".", 1)[-1])
    winner = ops.argmax(totals >= best - tie * ops.abs(best), axis=0)
    return ops.take_along_axis(_members(op, x, 0.0), winner[None], axis=0)[0]


def _members(op: MaxPool, x: Any, padding: float) -> Any:
    out = op.output_shape(tuple(x.shape[1:]))[:-1]
    ones = (1,) * len(op.pool_size)
    with_padding = padded(x, op.padding, padding)
    return ops.stack([with_padding[where] for _, where in window_slices(op.pool_size, op.strides, ones, out)])
