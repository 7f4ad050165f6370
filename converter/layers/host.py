"""Layers that stay Keras layers: a table of what may be handed to Keras, argument by argument."""

from __future__ import annotations

from typing import Any

from ..keras_layer import HOST_ARGUMENTS
from ..layer_call import LayerCall
from ..ops import HostLayer, Op, Shape
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to"]


def _host(call: LayerCall, shape: Shape) -> tuple[Op, ...]:
    """Return the call as a HostLayer, with those of its arguments that the table allows."""
    config = {key: call.config[key] for key in HOST_ARGUMENTS[call.layer_type] if key in call.config}
    for key, value in config.items():
        if not _is_plain(value):
            raise UnsupportedLayerError(
                "unsupported-argument", f"{key} of type {type(value).__name__}; takes plain values"
            )
    return (
        HostLayer(
            layer_type=call.layer_type,
            config=config,
            weights=call.weights,
            input_shapes=call.input_shapes,
            shape=shape,
        ),
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def attention(call: LayerCall) -> tuple[Op, ...]:
    """Kept as a Keras layer on the host."""
    if len(call.input_shapes) not in (2, 3) or any(len(s) != 2 for s in call.input_shapes):
        raise UnsupportedLayerError("shape-mismatch", f"expected query and value, received {call.input_shapes}")
    query, value = call.input_shapes[:2]
    return _host(call, (query[0], value[1]))


def add_to(layers: LayerRegistry) -> None:
    """Register the layers that stay on the host."""
    layers.register("Attention", "AdditiveAttention")(attention)
