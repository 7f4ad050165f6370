"""load_model: a saved model with layers, losses or regularisers of this package, where none were used yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from . import layers, losses, metrics, regularizers  # noqa: F401  # they register their classes

__all__ = ["load_model"]


def load_model(path: str | Path, **options: Any) -> Any:
    """Return the model of a file, as `keras.saving.load_model` does, which knows only classes that were imported.

    Parameters
    ----------
    options
        Of `keras.saving.load_model`: ``compile``, ``custom_objects``, ``safe_mode``.
    """
    return keras.saving.load_model(path, **options)
