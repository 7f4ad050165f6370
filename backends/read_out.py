"""The read-out: the model's last activation of the mean current, at every step."""

from __future__ import annotations

import numpy as np

from ..converter.graph import Graph
from ..converter.ops import Array, Output

__all__ = ["read_out_mean", "read_out_over_time"]


def read_out_mean(values: Array, start: int) -> Array:
    """Return the mean over the read-out window up to each step t = 1 …, along the first axis.

    The window leaves out the first ``start`` steps; up to then, it is all the steps there are.
    """
    sums = np.cumsum(values, axis=0)
    counts = np.arange(1, len(values) + 1, dtype=values.dtype)
    if 0 < start < len(values):
        sums[start:] -= sums[start - 1].copy()
        counts[start:] -= start
    return np.asarray(sums / counts.reshape(-1, *(1,) * (values.ndim - 1)))


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
