"""DtScheduler: another dt in each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from ..errors import UsageError

__all__ = ["DtScheduler"]


class DtScheduler(keras.callbacks.Callback):
    """Set a dt that layers share at the begin of each epoch: long steps first, for example, and shorter ones later.

    Parameters
    ----------
    dt
        The `keras.Variable` that `SpikingActivation`, `Lowpass` or `Alpha` layers were made with.
    scheduler
        Epoch, from 0 → dt in seconds.
    verbose
        Print each change.

    Raises
    ------
    UsageError
        For a dt that is no variable, or one that is not above 0.
    """

    def __init__(self, dt: Any, scheduler: Callable[[int], float], verbose: bool = False) -> None:
        super().__init__()
        if not hasattr(dt, "assign"):
            raise UsageError(f"expected dt as a keras.Variable that layers were made with, received {dt!r}")
        self.dt = dt
        self.scheduler = scheduler
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set dt for this epoch."""
        value = float(self.scheduler(epoch))
        if value <= 0:
            raise UsageError(f"expected the scheduler to return a dt above 0, received {value:g} for epoch {epoch}")
        self.dt.assign(value)
        if self.verbose:
            keras.utils.io_utils.print_msg(f"epoch {epoch}: dt = {value:g} s")
