"""The output at each step: how an answer forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .canvas import axes_for
from .recording import as_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["output_over_time"]


def output_over_time(
    outputs: Any, *, labels: Sequence[str] | None = None, softmax: bool = False, ax: Axes | None = None
) -> Axes:
    """Draw a line for each output of a sample.

    Parameters
    ----------
    outputs
        ``(steps, outputs)``, in the units of the model's output: ``result.outputs_over_time[name][i]``.
    labels
        What each output stands for; by default its number.
    softmax
        Draw probabilities, for a model whose outputs are logits.

    Raises
    ------
    DataError
        When there are not as many labels as outputs.
    """
    table = as_table(outputs).astype(np.float64)
    if labels is not None and len(labels) != table.shape[1]:
        raise DataError(f"expected {table.shape[1]} labels, one for each output, received {len(labels)}")
    if softmax:
        grown = np.exp(table - table.max(axis=1, keepdims=True))
        table = grown / grown.sum(axis=1, keepdims=True)
    ax = axes_for(ax)
    names = map(str, range(table.shape[1])) if labels is None else labels
    for values, name in zip(table.T, names):
        ax.plot(np.arange(1, len(table) + 1), values, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("probability" if softmax else "output")
    ax.legend(loc="upper left", fontsize="small")
    return ax
