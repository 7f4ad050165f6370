"""Batches: samples in an order that a seed decides, anew in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..converter.ops import Array
from ..training.data.shuffled_batches import ShuffledBatches

__all__ = ["Batches"]


class Batches(ShuffledBatches):
    """The batches of an epoch, cut from arrays when they are asked for.

    Parameters
    ----------
    samples
        One array for each input.
    seed
        Of the order.
    """

    def __init__(self, samples: Sequence[Array], targets: Array, batch_size: int, seed: int) -> None:
        super().__init__(targets, batch_size, seed)
        self._samples = samples
        self._targets = targets

    def read(self, places: Array) -> tuple[Any, Array]:
        """Return the samples and targets at these places."""
        inputs = tuple(x[places] for x in self._samples)
        return inputs if len(inputs) > 1 else inputs[0], self._targets[places]
