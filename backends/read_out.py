"""The read-out: the model's last activation of the mean current, at every step."""

from __future__ import annotations

import numpy as np

from ..converter.graph import Graph
from ..converter.ops import Array

__all__ = ["read_out_over_time", "running_mean"]


def running_mean(values: Array) -> Array:
    """Return the mean of the first t values for t = 1 …, along the first axis."""
    steps = np.arange(1, len(values) + 1, dtype=values.dtype)
    return np.asarray(np.cumsum(values, axis=0) / steps.reshape(-1, *(1,) * (values.ndim - 1)))


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
    return node.op.apply(running_mean(currents.astype(np.float64)).reshape(len(currents), *node.shape))
