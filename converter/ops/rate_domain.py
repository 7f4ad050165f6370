"""The rate domain: how a non-linear analog op acts on sequences without losing accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Array, Op, as_type_of

__all__ = ["RunningSums", "as_rate_domain", "running_sums"]


@dataclass(eq=False)
class RunningSums:
    """What an op in the rate domain remembers: the steps done, and the sums of its inputs and its output over them.

    The sums have the shape ``(batch, *shape)``; they are None before the first step.
    """

    steps: int = 0
    inputs: tuple[Array, ...] | None = None
    output: Array | None = None

    def add(self, *sequences: Array) -> tuple[Array, ...]:
        """Return the sums of inputs ``(steps, batch, *shape)`` up to each of their steps, and remember the last."""
        before = self.inputs or (None,) * len(sequences)
        sums = tuple(running_sums(x, b) for x, b in zip(sequences, before, strict=True))
        self.steps, self.inputs = self.steps + len(sequences[0]), tuple(x[-1].copy() for x in sums)
        return sums

    def keep(self, places: Array) -> None:
        """Forget all samples but those at these places."""
        self.inputs = None if self.inputs is None else tuple(x[places] for x in self.inputs)
        self.output = None if self.output is None else self.output[places]


def as_rate_domain(op: Op, *sequences: Array, so_far: RunningSums | None = None) -> Array:
    """Run a non-linear analog op on sequences so that its running mean is the op of the running mean.

    ``out(t) = t·f(mean of z up to t) − (t−1)·f(mean of z up to t−1)``

    Parameters
    ----------
    op
        Any op that keeps no state.
    sequences
        Inputs of shape ``(steps, batch, *shape)``.
    so_far
        The steps before these; changed in place. The output is the same as that of all steps at once.

    Returns
    -------
    output
        ``(steps, batch, *shape)`` in the type of the inputs.
    """
    so_far = RunningSums() if so_far is None else so_far
    steps, done = len(sequences[0]), so_far.steps
    count = np.arange(done + 1, done + steps + 1, dtype=sequences[0].dtype)

    def over_time(x: Array) -> Array:
        return count.reshape(-1, *(1,) * (x.ndim - 1))

    means = [np.divide(x, over_time(x), out=x) for x in so_far.add(*sequences)]
    flat = op.apply(*(m.reshape(-1, *m.shape[2:]) for m in means))
    output = flat.reshape(steps, -1, *flat.shape[1:])
    output = output * over_time(output)
    last, so_far.output = so_far.output, output[-1].copy()
    for t in range(steps - 1, 0, -1):
        output[t] -= output[t - 1]
    if last is not None:
        output[0] -= last
    return np.asarray(as_type_of(output, sequences[0]))


def running_sums(values: Array, before: Array | None) -> Array:
    """Return the sums over the steps, the first axis, up to each one.

    They are added one by one, so that a break between steps changes nothing; ``before`` is what came before it.
    """
    sums = values.copy()
    if before is not None:
        sums[0] += before
    for t in range(1, len(sums)):  # np.cumsum gives the same, and goes through memory value by value
        sums[t] += sums[t - 1]
    return sums
