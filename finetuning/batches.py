"""Batches: samples in an order that a seed decides, anew in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..converter.ops import Array

__all__ = ["Batches"]


class Batches(keras.utils.PyDataset):
    """The batches of an epoch, cut from arrays when they are asked for.

    Parameters
    ----------
    samples
        One array for each input.
    seed
        Of the order.
    """

    def __init__(self, samples: Sequence[Array], targets: Array, batch_size: int, seed: int) -> None:
        super().__init__()
        self._samples = samples
        self._targets = targets
        self._batch_size = batch_size
        self._rng = np.random.default_rng(seed)
        self._order = self._rng.permutation(len(targets))

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        """Return the samples and targets of a batch."""
        places = np.sort(self._order[index * self._batch_size : (index + 1) * self._batch_size])
        inputs = tuple(x[places] for x in self._samples)
        return inputs if len(inputs) > 1 else inputs[0], self._targets[places]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._order = self._rng.permutation(len(self._order))
