"""Tensor nodes: what a nengo.Node calls to compute an op that is not linear."""

from __future__ import annotations

import math

import numpy as np

from ...converter.ops import Array, Cell, Op, Shape, pass_winners

__all__ = ["CellStep", "GateStep", "InstantStep", "RateDomainStep"]


class InstantStep:
    """Apply the op to the values of this very step, as NengoDL's tensor nodes do.

    Parameters
    ----------
    op
        Any op that keeps no state.
    shapes
        The shape of one sample of each input; the inputs come side by side, flattened.
    """

    def __init__(self, op: Op, shapes: list[Shape]) -> None:
        self._op = op
        self._shapes = shapes
        self._cuts = np.cumsum([math.prod(s) for s in shapes])[:-1]

    def batched(self, x: Array) -> Array:
        """Return ``(batch, outputs)`` for ``(batch, inputs)``."""
        parts = np.split(x, self._cuts, axis=1)
        value = self._op.apply(*(p.reshape(len(x), *s) for p, s in zip(parts, self._shapes, strict=True)))
        return value.reshape(len(x), -1)

    def __call__(self, t: float, x: Array) -> Array:
        return np.asarray(self.batched(x[None])[0])


class RateDomainStep(InstantStep):
    """Apply the op in the rate domain: ``out(t) = t·f(mean up to t) - (t-1)·f(mean up to t-1)``.

    It starts over at the first step of a run, which it knows by the time going back.
    """

    def __init__(self, op: Op, shapes: list[Shape]) -> None:
        super().__init__(op, shapes)
        self._time = np.inf
        self._steps = 0
        self._sum = np.zeros(sum(math.prod(s) for s in shapes))
        self._before: Array | float = 0.0

    def _count(self, t: float, x: Array) -> None:
        """Add a step's values to the sums."""
        if t <= self._time:
            self._steps, self._sum[:], self._before = 0, 0.0, 0.0
        self._time = t
        self._steps += 1
        self._sum += x

    def __call__(self, t: float, x: Array) -> Array:
        self._count(t, x)
        total = self.batched(self._sum[None] / self._steps)[0] * self._steps
        out = total - self._before
        self._before = total
        return np.asarray(out)


class GateStep(RateDomainStep):
    """Pass what the winner of each window sends, by the sums so far: max pooling as a gate."""

    def __call__(self, t: float, x: Array) -> Array:
        self._count(t, x)
        shape = (1, *self._shapes[0])
        return pass_winners(self._op, self._sum.reshape(shape), x.reshape(shape)).reshape(-1)


class CellStep:
    """Step a cell, from its first step on whenever the time goes back."""

    def __init__(self, cell: Cell, shape: Shape) -> None:
        self._cell = cell
        self._shape = shape
        self._state = cell.start(1, shape)
        self._time = np.inf

    def __call__(self, t: float, x: Array) -> Array:
        if t <= self._time:
            self._state = self._cell.start(1, self._shape)
        self._time = t
        return self._cell.step(self._state, x.reshape(1, *self._shape)).reshape(-1)
