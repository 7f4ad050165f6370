"""What fine-tuning lowers: a loss that suits the network's output and the labels, or the distance to its own rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..converter.ops import Array, Output
from ..errors import UsageError
from ..evaluation import labels_of

if TYPE_CHECKING:
    from ..network import SpikingNetwork

__all__ = ["objective"]


def objective(net: SpikingNetwork, x: Any, y: Any) -> tuple[Any, Array]:
    """Return a Keras loss, and the targets of all samples.

    Parameters
    ----------
    x
        As `SpikingNetwork.run` takes them.
    y
        As `evaluate` takes them. None for what the network puts out as a rate network: no labels are needed then.

    Raises
    ------
    UsageError
        For a network with several outputs.
    DataError
        For labels that do not fit.
    """
    from ..converter.keras_import import import_keras

    losses = import_keras().losses
    if len(net.graph.outputs) != 1:
        raise UsageError(f"expected a network with one output to fine-tune, received {', '.join(net.graph.outputs)}")
    node = net.graph.nodes[next(iter(net.graph.outputs.values()))]
    op = node.op
    if not isinstance(op, Output):
        raise TypeError(f"{node.name}: expected an Output, received {op.kind}")
    logits, classes = op.function == "linear", op.scores_classes(node.shape)
    if y is None:
        wanted = net.run(x, spiking=False).output
        if not classes or op.function == "log_softmax":
            return losses.MeanSquaredError(), wanted
        if node.shape == (1,):
            return losses.BinaryCrossentropy(), wanted
        return losses.CategoricalCrossentropy(from_logits=logits), _softmax(wanted) if logits else wanted
    labels, targets = labels_of(y, node.shape, _count(x))
    if labels is None or op.function not in ("softmax", "linear", "sigmoid"):
        return losses.MeanSquaredError(), targets
    if node.shape == (1,):
        return losses.BinaryCrossentropy(from_logits=logits), labels[:, None].astype(np.float32)
    return losses.SparseCategoricalCrossentropy(from_logits=logits), labels


def _count(x: Any) -> int:
    return len(next(iter(x.values())) if isinstance(x, dict) else x[0] if isinstance(x, list) else x)


def _softmax(x: Array) -> Array:
    grown = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))
