"""The read-out: the model's last activation of the mean current, at every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..converter.graph import Graph
from ..converter.ops import Array, Output, running_sums

__all__ = ["RunningMean", "read_out_mean", "read_out_over_time"]


@dataclass(eq=False)
class RunningMean:
    """The mean over a read-out window, some steps after others.

    Attributes
    ----------
    start
        The steps that the window leaves out; up to then, it is all the steps there are.
    steps
        How many were done.
    total, left_out
        The sums over all of them, and over those left out: ``(samples, *shape)``, None before the first step.
    """

    start: int
    steps: int = 0
    total: Array | None = None
    left_out: Array | None = None

    def of_more(self, values: Array) -> Array:
        """Return the mean up to each of the next steps, the first axis of the values."""
        start, done = self.start, self.steps
        sums = running_sums(values, self.total)
        self.steps, self.total = done + len(values), sums[-1].copy()
        counts = np.arange(done + 1, self.steps + 1, dtype=values.dtype)
        if start and self.steps > start:
            inside = max(start - done, 0)  # how many of these steps are left out
            if inside:
                self.left_out = sums[inside - 1].copy()
            sums[inside:] -= self.left_out
            counts[inside:] -= start
        elif start == self.steps:
            self.left_out = self.total
        return np.asarray(sums / counts.reshape(-1, *(1,) * (values.ndim - 1)))

    def keep(self, places: Array) -> None:
        """Forget all samples but those at these places."""
        self.total = None if self.total is None else self.total[places]
        self.left_out = None if self.left_out is None else self.left_out[places]


def read_out_mean(values: Array, start: int) -> Array:
    """Return the mean over the read-out window up to each step t = 1 …, along the first axis.

    The window leaves out the first ``start`` steps; up to then, it is all the steps there are.
    """
    return RunningMean(start).of_more(values)


def read_out_over_time(graph: Graph, output: str, currents: Array) -> Array:
    """Return an output at every step of one sample.

    Parameters
    ----------
    output
        Keras output name.
    currents
        ``(steps, values)`` into the read-out, values in C order.

    Returns
    -------
    values
        ``(steps, *shape)``.
    """
    node = graph.nodes[graph.outputs[output]]
    start = node.op.start if isinstance(node.op, Output) else 0
    mean = read_out_mean(currents.astype(np.float64), start)
    return node.op.apply(mean.reshape(len(currents), *node.shape))
