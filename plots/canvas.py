"""Where a picture goes: the Axes that the caller gave, or those of a new figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_for"]


def axes_for(ax: Axes | None) -> Axes:
    """Return the Axes to draw into.

    A new figure is made without pyplot, so that no window opens and nothing global remembers it.

    Raises
    ------
    UsageError
        When matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("plots are drawn with matplotlib: pip install 'spikeport[plot]'") from None
    return Figure(figsize=(6, 4), layout="constrained").subplots()
