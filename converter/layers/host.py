"""Layers that stay Keras layers: a table of what may be handed to Keras, argument by argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..keras_layer import HOST_ARGUMENTS
from ..layer_call import LayerCall
from ..ops import ACTIVATIONS, HostLayer, Op
from ..ops.base import Shape
from .arguments import axis_sizes, spatial_shape
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to", "bilinear_upsampling"]


def _host(call: LayerCall, shape: Shape) -> tuple[Op, ...]:
    """Return the call as a HostLayer, with those of its arguments that the table allows."""
    config = {key: call.config[key] for key in HOST_ARGUMENTS[call.layer_type] if key in call.config}
    for key, value in config.items():
        known = key != "activation" or value in ACTIVATIONS
        if not (known and _is_plain(value)):
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
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, str))


def same_shape(call: LayerCall) -> tuple[Op, ...]:
    """Kept as a Keras layer on the host."""
    return _host(call, call.input_shape)


def broadcast(call: LayerCall) -> tuple[Op, ...]:
    """Kept as a Keras layer on the host."""
    try:
        shape = np.broadcast_shapes(*call.input_shapes)
    except ValueError:
        raise UnsupportedLayerError(
            "shape-mismatch", f"expected inputs that agree, received {call.input_shapes}"
        ) from None
    return _host(call, tuple(int(n) for n in shape))


def bilinear_upsampling(call: LayerCall) -> tuple[Op, ...]:
    """Kept as a Keras layer on the host."""
    size = axis_sizes(call, "size", 2, default=2)
    spatial = spatial_shape(call, 2)
    if call.config.get("data_format") == "channels_first":
        raise UnsupportedLayerError("unsupported-argument", "data_format='channels_first'; takes 'channels_last'")
    return _host(call, (*(n * s for n, s in zip(spatial, size, strict=True)), call.input_shape[-1]))


def transposed_convolution(call: LayerCall) -> tuple[Op, ...]:
    """Kept as a Keras layer on the host."""
    rank = int(call.layer_type[4])
    spatial, kernel = spatial_shape(call, rank), call.weights.get("kernel")
    if kernel is None or kernel.ndim != rank + 2:
        raise UnsupportedLayerError("missing-weights", "kernel")
    strides = axis_sizes(call, "strides", rank)
    dilation = axis_sizes(call, "dilation_rate", rank)
    given = call.config.get("output_padding")
    added = axis_sizes(call, "output_padding", rank) if given not in (None, 0) else (0,) * rank
    out = []
    for n, k, s, d, extra in zip(spatial, kernel.shape[:rank], strides, dilation, added, strict=True):
        # keras.ops.conv_transpose: "same" is n·s without output_padding
        reach = (k - 1) * d + 1
        if call.config.get("padding", "valid") == "same":
            out.append(n * s if given is None else (n - 1) * s + reach - 2 * (reach // 2) + extra)
        else:
            out.append(n * s + max(reach - s, 0) if given is None else (n - 1) * s + reach + extra)
    return _host(call, (*(int(n) for n in out), int(kernel.shape[-2])))


_HANDLERS: Mapping[str, Callable[[LayerCall], tuple[Op, ...]]] = {
    "Conv1DTranspose": transposed_convolution,
    "Conv2DTranspose": transposed_convolution,
    "Conv3DTranspose": transposed_convolution,
    "GroupNormalization": same_shape,
    "LayerNormalization": same_shape,
    "Maximum": broadcast,
    "Minimum": broadcast,
    "PReLU": same_shape,
    "UnitNormalization": same_shape,
}


def add_to(layers: LayerRegistry) -> None:
    """Register the layers that stay on the host."""
    for layer_type, handler in _HANDLERS.items():
        layers.register(layer_type, data_format=("channels_last", None))(handler)
