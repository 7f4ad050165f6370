"""What each neuron of a layer put out at each step, as lines over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .canvas import axes_for
from .recording import as_table, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["activity"]


def activity(
    values: Any, *, spikes: bool = True, dt: float = 0.001, most: int = 1000, name: str = "", ax: Axes | None = None
) -> Axes:
    """Draw a line for each neuron; the title has the mean and the largest firing rate.

    Parameters
    ----------
    values
        ``(steps, *shape)`` of one sample: spikes in each step, or firing rates in Hz.
    spikes
        False for rates in Hz.
    dt
        The step in seconds.
    most
        How many neurons to show, spread evenly over the layer. The title is about these.
    name
        The layer, for the title.
    """
    table = as_table(values)
    shown = table[:, spread(table.shape[1], most)]
    rates = shown.sum(axis=0) / (len(shown) * dt) if spikes else shown
    ax = axes_for(ax)
    ax.plot(np.arange(1, len(shown) + 1), shown, linewidth=0.8)
    ax.set_title(f"{name} mean {rates.mean():.1f} Hz, max {rates.max():.1f} Hz".lstrip())
    ax.set_xlabel("step")
    ax.set_ylabel("spikes in a step" if spikes else "firing rate (Hz)")
    return ax
