"""Activation layers, and the activation argument of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..layer_call import LayerCall
from ..ops import ACTIVATIONS, Activation, Op, PReLU
from .arguments import needed_weight, number
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["activation_ops", "add_to"]

_LAYERS_AS_ACTIVATION = ("ReLU", "LeakyReLU", "ELU", "Softmax")


def activation_ops(call: LayerCall) -> tuple[Op, ...]:
    """Return the op of a call's ``activation`` argument; none for a linear one."""
    value = call.config.get("activation", "linear")
    if isinstance(value, Mapping) and value.get("class_name") in _LAYERS_AS_ACTIVATION:
        inner = value.get("config")
        if isinstance(inner, Mapping):
            return _HANDLERS[str(value["class_name"])](LayerCall(name=call.name, layer_type="", config=inner))
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise UnsupportedLayerError("unsupported-argument", f"activation={_short(value)}; takes one of Keras's by name")
    if value == "linear":
        return ()
    if value == "relu6":
        return (Activation(function="relu", arguments={"max_value": 6.0}),)
    if value == "leaky_relu":
        return (Activation(function="relu", arguments={"negative_slope": 0.2}),)
    return (Activation(function=value),)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def activation(call: LayerCall) -> tuple[Op, ...]:
    """Become neurons (ReLU and its piecewise-linear kin) or a host activation (smooth ones)."""
    return activation_ops(call)


def relu(call: LayerCall) -> tuple[Op, ...]:
    """Become neurons, by pairs where there is a slope or a maximum; a threshold is computed on the host."""
    arguments: dict[str, float | int | bool | None] = {
        "negative_slope": number(call, "negative_slope", 0.0),
        "threshold": number(call, "threshold", 0.0),
        "max_value": None,
    }
    if call.config.get("max_value") is not None:
        arguments["max_value"] = number(call, "max_value", 0.0)
    return (Activation(function="relu", arguments=arguments),)


def leaky_relu(call: LayerCall) -> tuple[Op, ...]:
    """Become pairs of neurons: one for the positive part, one for the negative."""
    return (Activation(function="relu", arguments={"negative_slope": number(call, "negative_slope", 0.3)}),)


def elu(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host."""
    return (Activation(function="elu", arguments={"alpha": number(call, "alpha", 1.0)}),)


def prelu(call: LayerCall) -> tuple[Op, ...]:
    """Become pairs of neurons: one for the positive part, one for the negative, times its trained slope."""
    return (PReLU(alpha=needed_weight(call, "alpha")),)


def thresholded_relu(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host: the function jumps at its threshold."""
    return (Activation(function="relu", arguments={"threshold": number(call, "theta", 1.0)}),)


def softmax(call: LayerCall) -> tuple[Op, ...]:
    """Part of the read-out at the end of a model; computed on the host inside one."""
    axis = call.config.get("axis", -1)
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, bool) or not isinstance(axis, int) or axis == 0:
        raise UnsupportedLayerError("unsupported-argument", f"axis={axis!r}; takes one axis other than the batch")
    return (Activation(function="softmax", arguments={"axis": axis}),)


_HANDLERS = {
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "ThresholdedReLU": thresholded_relu,
    "ELU": elu,
    "Softmax": softmax,
}


def add_to(layers: LayerRegistry) -> None:
    """Register the activation layers."""
    layers.register("Activation")(activation)
    for layer_type, handler in _HANDLERS.items():
        layers.register(layer_type)(handler)
