"""temporal_model: the axis after the batch is the simulator's own time, so layers are converted for one step of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...converter.layer_call import LayerCall
from ...converter.layers import UnsupportedLayerError
from ...converter.layers.same_at_each_step import SAME_AT_EACH_STEP

__all__ = ["at_each_step"]


def at_each_step(call: LayerCall) -> LayerCall:
    """Return what a layer call is at one step: without the time axis.

    Raises
    ------
    UnsupportedLayerError
        For a layer that does not treat its steps alike.
    """
    if call.layer_type == "InputLayer":
        shape = call.config["shape"]
        if len(shape) < 2:
            raise UnsupportedLayerError("not-temporal", f"expected an input with a time axis, received {shape}")
        return replace(call, config={**call.config, "shape": tuple(shape[1:])})
    if call.layer_type == "TimeDistributed":
        inner = call.config.get("layer")
        if isinstance(inner, Mapping) and isinstance(inner.get("class_name"), str):
            config = dict(inner.get("config") or {})
            return replace(call, layer_type=inner["class_name"], config=config)
    axis = call.config.get("axis", -1)
    if call.layer_type in ("BatchNormalization", "Concatenate", "Softmax") and isinstance(axis, int):
        if axis >= 2:
            return replace(call, config={**call.config, "axis": axis - 1})
        if axis < 0 and -axis <= len(call.input_shape):
            return call
    if call.layer_type in SAME_AT_EACH_STEP:
        return call
    raise UnsupportedLayerError("not-temporal", "wrap it in TimeDistributed if it acts on each step by itself")
