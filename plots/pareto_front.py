"""The conversions that a search tried, by loss, steps and energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .canvas import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pareto_front"]


def pareto_front(points: Any, front: Any, *, energy: str = "spikes", name: str = "", ax: Axes | None = None) -> Axes:
    """Draw the loss of each conversion against its energy, coloured by its steps; those of the front are ringed.

    Parameters
    ----------
    points
        ``(conversions, 3)``: loss in percentage points, steps, and spikes or operations of a sample.
    front
        ``(conversions,)``: which of them no other beats.
    energy
        What the third column counts.
    name
        The model, for the title.
    """
    table, chosen = np.asarray(points, np.float64), np.asarray(front, bool)
    if table.ndim != 2 or table.shape[1] != 3 or chosen.shape != table.shape[:1] or not len(table):
        raise DataError(f"expected points of shape (conversions, 3), received {table.shape} and {chosen.shape}")
    loss, steps, events = table.T
    ax = axes_for(ax)
    shades = ax.scatter(events, loss, c=steps, norm="log", cmap="viridis", s=18, zorder=2)
    for x, y, n in zip(events[chosen], loss[chosen], steps[chosen], strict=True):
        ax.annotate(f"{n:.0f}", (x, y), xytext=(4, 4), textcoords="offset points", fontsize="small")
    ax.scatter(events[chosen], loss[chosen], s=60, facecolors="none", edgecolors="black", label="front", zorder=3)
    ax.figure.colorbar(shades, ax=ax, label="steps", format="{x:.0f}")
    if events.min() > 0 and events.max() > 1.5 * events.min():  # over less, a logarithmic axis has no labels
        ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=1)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_title(f"{name}\n{int(chosen.sum())} of {len(table)} conversions on the front".lstrip())
    ax.set_xlabel(f"{energy} per sample")
    ax.set_ylabel("loss (percentage points)")
    ax.legend()
    return ax
