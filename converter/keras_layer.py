"""The one place where the converter runs Keras: host layers, made from a table of what may be handed to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UsageError
from .keras_import import import_keras
from .ops.base import Array, Shape

__all__ = ["HOST_ARGUMENTS", "build_custom_layer", "build_keras_layer"]

HOST_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "AdditiveAttention": ("use_scale",),
    "Attention": ("use_scale", "score_mode"),
}
"""Each layer type that Keras may run for a network, with the arguments that it is made from."""


def build_keras_layer(
    layer_type: str, config: Mapping[str, Any], weights: Sequence[Array], input_shapes: Sequence[Shape]
) -> Any:
    """Return a built Keras layer with these weights.

    Only types in `HOST_ARGUMENTS` are made, by their public class, from the arguments named there; no part of a file
    decides what is imported.

    Raises
    ------
    UsageError
        For a layer type or argument that is not in the table.
    """
    if layer_type not in HOST_ARGUMENTS or not set(config) <= set(HOST_ARGUMENTS[layer_type]):
        raise UsageError(
            f"{layer_type}: expected a host layer out of {', '.join(HOST_ARGUMENTS)} and its own arguments"
        )
    return _built(getattr(import_keras().layers, layer_type)(**config), weights, input_shapes)


def build_custom_layer(
    keras_class: type, config: Mapping[str, Any], weights: Sequence[Array], input_shapes: Sequence[Shape]
) -> Any:
    """Return a built layer of a class that the user handed over alive."""
    make = getattr(keras_class, "from_config", None)
    return _built(make(dict(config)) if make else keras_class(**config), weights, input_shapes)


def _built(layer: Any, weights: Sequence[Array], input_shapes: Sequence[Shape]) -> Any:
    shapes = [(None, *shape) for shape in input_shapes]
    layer.build(shapes[0] if len(shapes) == 1 else shapes)
    if weights:
        layer.set_weights(list(weights))
    return layer
