"""Models inside models, in a config: what a model is called there, what it lists, and how deep it may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MAX_DEPTH", "MODEL_TYPES", "layer_entries"]

MODEL_TYPES = ("Sequential", "Functional", "Model")
"""The class names of models."""

MAX_DEPTH = 32
"""How deep models may be nested: configs come from files, and no walk through one may go on for ever."""


def layer_entries(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a model's config lists as its layers; a Sequential of Keras 1 has the list in the config's place."""
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, Mapping) else config
    if not isinstance(layers, list):
        return []
    return [x for x in layers if isinstance(x, Mapping) and isinstance(x.get("class_name"), str)]
