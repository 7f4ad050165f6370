"""Layers of the user's own, handed over as live classes: they run on the host."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..keras_layer import build_custom_layer
from ..layer_call import LayerCall
from ..ops import HostLayer, Op
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["with_custom_layers"]


def with_custom_layers(layers: LayerRegistry, classes: Mapping[str, type]) -> LayerRegistry:
    """Return a registry in which these class names become host layers made from the user's own classes."""
    extended = layers.child()
    for name, keras_class in classes.items():
        extended.register(name)(partial(_custom_layer, keras_class=keras_class))
    return extended


def _custom_layer(call: LayerCall, keras_class: type) -> tuple[Op, ...]:
    """Run on the host, by the class that was handed over."""
    try:
        layer = build_custom_layer(keras_class, call.config, list(call.weights.values()), call.input_shapes)
        shapes = [(None, *shape) for shape in call.input_shapes]
        shape = layer.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)
    except Exception as error:  # the user's code may raise anything
        raise UnsupportedLayerError("custom-layer-failed", f"{type(error).__name__}: {error}") from None
    return (
        HostLayer(
            layer_type=call.layer_type,
            config=call.config,
            weights=call.weights,
            input_shapes=call.input_shapes,
            shape=tuple(int(n) for n in shape[1:]),
            keras_class=keras_class,
        ),
    )
