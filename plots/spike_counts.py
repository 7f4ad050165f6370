"""How often each class has fired: as bars, and as an animation over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .canvas import axes_for
from .recording import as_table

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

__all__ = ["spike_count_animation", "spike_counts"]


def spike_counts(events: Any, *, labels: Sequence[str] | None = None, name: str = "", ax: Axes | None = None) -> Axes:
    """Draw a bar for each output neuron: its spikes over all steps. The largest is darker.

    Parameters
    ----------
    events
        ``(steps, classes)`` of one sample: spikes in each step.
    labels
        What each class stands for; by default its number.
    name
        The sample, for the title.

    Raises
    ------
    DataError
        When there are not as many labels as classes.
    """
    table = as_table(events)
    names = _names(labels, table.shape[1])
    counts = table.sum(axis=0)
    ax = axes_for(ax)
    colours = ["tab:blue" if c == counts.max() else "lightsteelblue" for c in counts]
    ax.bar(names, counts, color=colours)
    ax.set_title(name)
    ax.set_xlabel("class")
    ax.set_ylabel("spikes")
    return ax


def spike_count_animation(
    events: Any, *, labels: Sequence[str] | None = None, interval: float = 100.0, ax: Axes | None = None
) -> FuncAnimation:
    """Return the bars as they grow from step to step; ``save("counts.gif", writer="pillow")`` writes them.

    Parameters
    ----------
    events, labels
        As for `spike_counts`.
    interval
        Milliseconds between the steps.
    """
    table = as_table(events)
    names = _names(labels, table.shape[1])
    ax = axes_for(ax)
    from matplotlib.animation import FuncAnimation

    sums = np.cumsum(table, axis=0)
    bars = ax.bar(names, np.zeros(table.shape[1]), color="lightsteelblue")
    ax.set_ylim(0, max(float(sums.max()), 1.0) * 1.05)
    ax.set_xlabel("class")
    ax.set_ylabel("spikes")

    def draw(step: int) -> list[Any]:
        for bar, count in zip(bars, sums[step], strict=True):
            bar.set_height(count)
            bar.set_color("tab:blue" if count and count == sums[step].max() else "lightsteelblue")
        ax.set_title(f"step {step + 1}")
        return list(bars)

    figure: Any = ax.figure  # a Figure, though its type allows a part of one
    return FuncAnimation(figure, draw, frames=len(table), interval=interval)


def _names(labels: Sequence[str] | None, classes: int) -> list[str]:
    if labels is None:
        return [str(i) for i in range(classes)]
    if len(labels) != classes:
        raise DataError(f"expected {classes} labels, one for each class, received {len(labels)}")
    return list(labels)
