"""Layers around layers: those that do nothing at inference are taken off, the layer inside the others is spelled too.

PruneLowMagnitude (tfmot) multiplies its layer's kernels by a mask; SpectralNormalization (Keras) has normalised the
kernel by the time it is stored; QuantizeAnnotate (tfmot) only leaves a mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..ops.base import Array
from .spelling import Spelled

__all__ = ["KEPT", "REMOVED", "masked", "spelled"]

REMOVED = ("PruneLowMagnitude", "QuantizeAnnotate", "SpectralNormalization")
"""Wrappers that are identities at inference."""

KEPT = ("TimeDistributed", "Bidirectional")
"""Wrappers with handlers, or refusals, of their own."""

_INNER = ("layer", "backward_layer")
_MAX_DEPTH = 8

Spell = Callable[[str, Mapping[str, Any], int], Spelled]


def spelled(layer: Spelled, spell: Spell, depth: int) -> Spelled:
    """Return the layer inside a wrapper that does nothing, or a wrapper whose inner layers are spelled too."""
    if layer.layer_type not in (*REMOVED, *KEPT) or depth > _MAX_DEPTH:
        return layer
    if layer.layer_type in REMOVED:
        inner = _inside(layer.config.get("layer"))
        if inner is None:
            return layer
        done = spell(inner[0], inner[1], depth + 1)
        config = {**done.config, "unwrapped_from": layer.layer_type}
        if "batch_shape" in layer.config:
            config.setdefault("batch_shape", layer.config["batch_shape"])
        return replace(done, config=config)
    config, refusal = dict(layer.config), layer.refusal
    for argument in _INNER:
        inner = _inside(config.get(argument))
        if inner is None:
            continue
        done = spell(inner[0], inner[1], depth + 1)
        config[argument] = {"class_name": done.layer_type, "config": done.config}
        if done.before or done.after:
            refusal = ("no-equal-in-keras3", f"{done.layer_type} inside {layer.layer_type} with Theano's padding")
        refusal = done.refusal if done.refusal[0] else refusal
    return replace(layer, config=config, refusal=refusal)


def _inside(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the class name and config of a wrapper's inner layer."""
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return None
    config = value.get("config")
    if isinstance(config, list):  # a Sequential model before Keras 2.2.3
        config = {"layers": config}
    return (value["class_name"], config) if isinstance(config, Mapping) else None


def masked(config: Mapping[str, Any], arrays: Mapping[str, Array], masks: list[Array]) -> dict[str, Array]:
    """Return the weights of a layer that PruneLowMagnitude wrapped, its kernels multiplied by their masks."""
    result = dict(arrays)
    if config.get("unwrapped_from") != "PruneLowMagnitude":
        return result
    waiting = list(masks)
    for name, value in result.items():
        if waiting and value.ndim >= 2 and value.shape == waiting[0].shape:
            result[name] = value * waiting.pop(0)
    return result
