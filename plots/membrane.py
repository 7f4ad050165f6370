"""The membranes of some neurons over time, with their spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .canvas import axes_for
from .recording import as_table, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["membrane"]


def membrane(
    voltages: Any, events: Any = None, *, threshold: float = 1.0, most: int = 5, name: str = "", ax: Axes | None = None
) -> Axes:
    """Draw a line for each membrane, a dotted one for the threshold, and a mark where a neuron fires.

    Parameters
    ----------
    voltages
        ``(steps, *shape)`` of one sample, after each step.
    events
        What the same neurons sent, in the same shape; None draws no marks.
    threshold
        In the units of the voltages.
    most
        How many neurons to show, spread evenly over the layer.
    name
        The layer, for the title.
    """
    table = as_table(voltages)
    chosen = spread(table.shape[1], most)
    ax = axes_for(ax)
    steps = np.arange(1, len(table) + 1)
    sent = None if events is None else as_table(events)
    for neuron in chosen:
        (line,) = ax.plot(steps, table[:, neuron], linewidth=0.8)
        if sent is not None:
            fired = sent[:, neuron] != 0
            ax.scatter(steps[fired], np.full(fired.sum(), threshold), marker="|", color=line.get_color())
    ax.axhline(threshold, linestyle=":", color="grey", linewidth=0.8)
    ax.set_title(f"{name} {len(chosen)} of {table.shape[1]} neurons".lstrip())
    ax.set_xlabel("step")
    ax.set_ylabel("membrane")
    return ax
