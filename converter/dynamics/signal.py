"""Signals: a node's values over the steps, and what ops without neurons make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ops import Array, AtEachStep, Cell, CellState, Op, RunningSums, as_gate, as_rate_domain, is_gate

__all__ = ["Signal", "apply_over_steps"]


@dataclass(frozen=True, eq=False)
class Signal:
    """A node's values over the steps: ``(steps, batch, *shape)``, or ``(1, batch, *shape)`` if they never change."""

    values: Array
    constant: bool

    def over(self, n_steps: int) -> Array:
        """Return the values with all the steps, as a view."""
        return np.broadcast_to(self.values, (n_steps, *self.values.shape[1:])) if self.constant else self.values


def apply_over_steps(
    op: Op, inputs: Sequence[Signal], n_steps: int, so_far: RunningSums | CellState | None = None
) -> Signal:
    """Apply an op without neurons over all steps: linear ones step by step, others to running means or as a gate.

    ``so_far`` is what such an op remembers of the steps before these.
    """
    if isinstance(op, Cell):
        values = inputs[0].over(n_steps)
        state = so_far if isinstance(so_far, CellState) else op.start(values.shape[1], values.shape[2:])
        return Signal(np.stack([op.step(state, x) for x in values]), False)
    if all(s.constant for s in inputs):  # the mean of a constant is that constant, for any op
        return Signal(op.apply(*(s.values[0] for s in inputs))[None], True)
    full = [s.over(n_steps) for s in inputs]
    sums = so_far if isinstance(so_far, RunningSums) else None
    if is_gate(op):
        return Signal(as_gate(op, full[0], so_far=sums), False)
    if not (op.linear or isinstance(op, AtEachStep)):
        return Signal(as_rate_domain(op, *full, so_far=sums), False)
    flat = op.apply(*(x.reshape(-1, *x.shape[2:]) for x in full))
    return Signal(flat.reshape(n_steps, -1, *flat.shape[1:]), False)
