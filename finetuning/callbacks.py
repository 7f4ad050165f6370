"""Progress: how many samples were trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

__all__ = ["Progress"]


class Progress(keras.callbacks.Callback):
    """Call a function with the number of samples done since the last call.

    Parameters
    ----------
    count
        Of the samples of an epoch; its last batch may be smaller.
    """

    def __init__(self, on_progress: Callable[[int], None], batch_size: int, count: int) -> None:
        super().__init__()
        self._on_progress = on_progress
        self._batch_size = batch_size
        self._count = count

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell of a batch."""
        self._on_progress(min(self._batch_size, self._count - batch * self._batch_size))
