"""Where readers find weights, and what is checked of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ...errors import SourceError
from ..ops.base import Array

__all__ = ["CheckedWeights", "WeightStore"]


class WeightStore(Protocol):
    """Where the weights of a model's layers are found."""

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path: the names of the models around it, then its own."""
        ...


class CheckedWeights:
    """A store that is asked once for each layer, and whose weights are finite and no more than a file can hold.

    Parameters
    ----------
    max_bytes
        How much all of them may take: layers may claim the same few bytes of a file many times.
    """

    def __init__(self, store: WeightStore, max_bytes: int, origin: str) -> None:
        self._store, self._bytes_left, self._origin = store, max_bytes, origin
        self._found: dict[tuple[str, ...], Mapping[str, Array]] = {}

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name.

        Raises
        ------
        SourceError
            When they are not finite, or too many.
        """
        if path not in self._found:
            found = self._store.weights(path, layer_type, config)
            for name, value in found.items():
                if not np.isfinite(value).all():
                    where = "/".join(path)
                    raise SourceError(
                        f"{self._origin}: expected finite weights, received NaN or infinity in {where}: {name}"
                    )
            self._bytes_left -= sum(value.nbytes for value in found.values())
            if self._bytes_left < 0:
                raise SourceError(
                    f"{self._origin}: expected weights that the file can hold, received layers that claim more"
                )
            self._found[path] = found
        return self._found[path]
