"""ShuffledBatches: what all data sets here share: batches read when asked for, in an order that a seed draws."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import keras
import numpy as np

from ...converter.ops import Array
from ...errors import UsageError

__all__ = ["ShuffledBatches"]


class ShuffledBatches(keras.utils.PyDataset):
    """Batches for ``model.fit``: a class that derives from it reads the samples at the places that it is given.

    Parameters
    ----------
    targets
        One for each sample; its length is that of the data set.
    batch_size
        How many samples there are in a batch; the last may be smaller.
    seed
        Of the order of the samples, which is drawn anew in each epoch; None keeps that of the file.
    drop_last
        Leave out a last batch that is smaller.
    """

    def __init__(
        self, targets: Sized, batch_size: int, seed: int | None = None, *, drop_last: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        if batch_size < 1:
            raise UsageError(f"expected batches of at least 1 sample, received batch_size={batch_size}")
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._rng = None if seed is None else np.random.default_rng(seed)
        self._order = np.arange(len(targets))
        self.on_epoch_end()

    def read(self, places: Array) -> tuple[Any, Any]:
        """Return the samples and targets at these places, which are in ascending order."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of batches."""
        whole, rest = divmod(len(self._order), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return the samples and targets of a batch."""
        return self.read(np.sort(self._order[index * self.batch_size : (index + 1) * self.batch_size]))

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self._rng is not None:
            self._order = self._rng.permutation(len(self._order))
