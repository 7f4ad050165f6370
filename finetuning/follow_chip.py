"""FollowChip: what a spike is worth and how weights are rounded, measured anew as the weights change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from ..backends.keras.rounded import Rounded
from ..converter.ops import ScaleShift
from .chip_twin import ChipTwin

__all__ = ["FollowChip"]


class FollowChip(keras.callbacks.Callback):
    """After each epoch, give the model the gains and grids that the chip has for its weights now.

    Parameters
    ----------
    twin_now
        Returns the twin of the network as it is.
    """

    def __init__(self, twin_now: Callable[[], ChipTwin]) -> None:
        super().__init__()
        self._twin_now = twin_now

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure anew, unless it was the last."""
        if epoch + 1 == self.params["epochs"]:
            return
        twin = self._twin_now()
        for layer in self.model.layers:
            name = getattr(layer, "node", "")
            op = twin.graph.nodes[name].op if name in twin.given else None
            if isinstance(op, ScaleShift):
                layer.set_weights([op.scale, op.shift])
            if isinstance(layer, Rounded):
                layer.follow(twin.grids[name].step)
