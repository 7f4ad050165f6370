"""How many neurons of a layer fire how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .canvas import axes_for
from .recording import as_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rate_histogram"]


def rate_histogram(events: Any, *, dt: float = 0.001, bins: int = 30, name: str = "", ax: Axes | None = None) -> Axes:
    """Draw a histogram of the firing rates in Hz, on a logarithmic axis; the title says how many neurons are silent.

    Parameters
    ----------
    events
        ``(steps, *shape)`` of one sample: spikes in each step. One that is taken back counts negative.
    dt
        The step in seconds.
    bins
        Of the histogram.
    name
        The layer, for the title.
    """
    table = as_table(events)
    rates = table.sum(axis=0, dtype=np.float64) / (len(table) * dt)
    silent = int((table == 0).all(axis=0).sum())
    ax = axes_for(ax)
    ax.hist(rates, bins=bins, log=True)
    ax.set_title(f"{name} {silent} of {table.shape[1]} neurons silent".lstrip())
    ax.set_xlabel("firing rate (Hz)")
    ax.set_ylabel("neurons")
    return ax
