"""The events of a layer, as marks over time: one row for each neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .canvas import axes_for
from .recording import as_table, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["raster"]


def raster(events: Any, *, most: int = 200, name: str = "", ax: Axes | None = None) -> Axes:
    """Draw a mark for each event, longer where several are sent at once and red where one is taken back.

    Parameters
    ----------
    events
        ``(steps, *shape)`` of one sample, whole numbers: ``result.events[population][i]``.
    most
        How many neurons to show, spread evenly over the layer.
    name
        The layer, for the title.
    """
    table = as_table(events)
    chosen = spread(table.shape[1], most)
    shown = table[:, chosen]
    ax = axes_for(ax)
    for sign, colour in ((1, "black"), (-1, "red")):
        steps, rows = np.nonzero(sign * shown > 0)
        sizes = 12 * np.abs(shown[steps, rows])
        ax.scatter(steps + 1, rows, s=sizes, c=colour, marker="|", linewidths=1)
    ax.set_xlim(0.5, len(table) + 0.5)
    ax.set_ylim(-0.5, len(chosen) - 0.5)
    ax.set_title(f"{name} {len(chosen)} of {table.shape[1]} neurons".lstrip())
    ax.set_xlabel("step")
    ax.set_ylabel("neuron")
    return ax
