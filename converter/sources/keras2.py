"""Keras 2: what it called arguments, and how its CuDNN layers laid out weights, in the spelling of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..ops.base import Array
from .spelling import Spelled, Writer, renamed

__all__ = ["activation_name", "recurrent_weights", "spelled"]

# layer type, or "" for all → old argument → new argument
_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "": {"batch_input_shape": "batch_shape"},
    "LeakyReLU": {"alpha": "negative_slope"},
}

# an activation of Keras 3 computes something else under this name
_ACTIVATIONS: Mapping[str, str] = {"hard_sigmoid": "hard_sigmoid_keras2"}

_CUDNN: Mapping[str, str] = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}


def spelled(layer: Spelled, writer: Writer) -> Spelled:
    """Return a layer of Keras 1 or 2 with the class name and arguments of Keras 3."""
    config = renamed(layer.config, {**_ARGUMENTS[""], **_ARGUMENTS.get(layer.layer_type, {})})
    layer_type = layer.layer_type
    if layer_type in _CUDNN:
        config |= {"activation": "tanh", "recurrent_activation": "sigmoid", "stored_by": "cudnn"}
        config |= {"reset_after": True} if layer_type == "CuDNNGRU" else {}
        layer_type = _CUDNN[layer_type]
    elif layer_type == "GRU":
        config.setdefault("reset_after", False)  # before 2.1.3 there was no other way
    if layer_type == "InputLayer" and "batch_shape" not in config and "input_shape" in config:
        config["batch_shape"] = [None, *(config["input_shape"] or ())]
    return replace(layer, layer_type=layer_type, config=config)


def activation_name(name: str) -> str:
    """Return the name under which Keras 3, or spikeport, knows what an activation of Keras 1 or 2 computed."""
    return _ACTIVATIONS.get(name, name)


def recurrent_weights(layer_type: str, config: Mapping[str, object], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the weights of a CuDNN layer as a plain LSTM or GRU keeps them.

    CuDNN's kernels are transposed, gate by gate, and it has two biases where an LSTM has their sum.
    """
    result = dict(arrays)
    gates = {"LSTM": 4, "GRU": 3}.get(layer_type)
    if config.get("stored_by") != "cudnn" or gates is None:
        return result
    if "kernel" in result:
        parts = np.split(result["kernel"], gates, axis=-1)
        result["kernel"] = np.concatenate([p.T.reshape(p.shape, order="F") for p in parts], axis=-1)
    if "recurrent_kernel" in result:
        parts = np.split(result["recurrent_kernel"], gates, axis=-1)
        result["recurrent_kernel"] = np.concatenate([p.T for p in parts], axis=-1)
    if "bias" in result:
        halves = result["bias"].reshape(2, -1)
        result["bias"] = halves.sum(axis=0) if layer_type == "LSTM" else halves
    return result
