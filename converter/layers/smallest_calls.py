"""A small call of each layer type with a handler, as data: what the support page asks the backends about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layer_call import LayerCall
from ..ops import Shape

__all__ = ["smallest_call"]

_SIZE, _CHANNELS = 4, 3
_IMAGES = ("AugMix", "CenterCrop", "CutMix", "MixUp", "RandAugment", "Resizing")
_PAIRS = ("Add", "AdditiveAttention", "Attention", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply")
_SUM = {"call_arguments": {"args": [{"input": 0}, {"input": 1}], "kwargs": {}}}
_EVERYTHING = {"class_name": "slice", "config": {"start": None, "stop": None, "step": None}}

# beginning of the layer's name → the arguments that it does not do without
_CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "Activation": {"activation": "relu"},
    "AdaptiveAveragePooling": {"output_size": 2},
    "CenterCrop": {"height": 2, "width": 2},
    "Dot": {"axes": 1},
    "Embedding": {"mask_zero": False},
    "GroupNormalization": {"groups": 1},
    "InputLayer": {"shape": (_CHANNELS,)},
    "LocallyConnected": {"kernel_size": 2},
    "Permute": {"dims": [2, 1]},
    "RepeatVector": {"n": 2},
    "Reshape": {"target_shape": [1, -1]},
    "Resizing": {"height": 2, "width": 2},
    "SlicingOpLambda": {
        "function": "getitem",
        "call_arguments": {"args": [{"input": 0}], "kwargs": {"slice_spec": [_EVERYTHING, 0]}},
    },
    "TFOpLambda": {"function": "math.add", **_SUM},
    "TimeDistributed": {"layer": {"class_name": "Dense", "config": {}}},
    "ops.": _SUM,
}


def smallest_call(layer_type: str) -> LayerCall:
    """Return a call of this layer type named ``layer``, with its inputs' shapes and weights that are all one.

    Operations stand for a sum of two inputs, TimeDistributed for a Dense inside, Activation for a ReLU. Inputs are
    called ``input``; the second of two as well.
    """
    shape = _shape(layer_type)
    count = 2 if layer_type in (*_PAIRS, "Subtract", "TFOpLambda", "ops.*") else 1
    return LayerCall(
        name="layer",
        layer_type="ops.Add" if layer_type == "ops.*" else layer_type,
        config=next((config for start, config in _CONFIGS.items() if layer_type.startswith(start)), {}),
        weights={name: np.ones(size, np.float32) for name, size in _weights(layer_type, shape).items()},
        inputs=() if layer_type == "InputLayer" else ("input",) * count,
        input_shapes=() if layer_type == "InputLayer" else (shape,) * count,
    )


def _shape(layer_type: str) -> Shape:
    """Return the shape of one sample: a map of as many dimensions as the name says, a sequence or a vector."""
    if found := re.search(r"(\d)D", layer_type):
        return (_SIZE,) * int(found[1]) + (_CHANNELS,)
    if layer_type in _IMAGES or layer_type.startswith("Random"):
        return (_SIZE, _SIZE, _CHANNELS)
    sequence = ("AdditiveAttention", "Attention", "Flatten", "Permute", "TimeDistributed")
    return (_SIZE, _CHANNELS) if layer_type in sequence else (_CHANNELS,)


def _weights(layer_type: str, shape: Shape) -> Mapping[str, Shape]:
    """Return the names and shapes of the weights."""
    channels = shape[-1]
    window = (2,) * (len(shape) - 1)
    square, vector = (channels, channels), (channels,)
    if layer_type.startswith(("Conv", "Dense", "TimeDistributed")):
        inside = window if layer_type.startswith("Conv") else ()
        return {"kernel": (*inside, *square), "bias": vector}
    if layer_type.startswith(("DepthwiseConv", "SeparableConv")):
        ones = (1,) * len(window)
        return {"depthwise_kernel": (*window, channels, 1), "pointwise_kernel": (*ones, *square), "bias": vector}
    if layer_type.startswith("LocallyConnected"):
        places = (_SIZE - 1,) * len(window)
        return {"kernel": (int(np.prod(places)), int(np.prod(window)) * channels, 2), "bias": (*places, 2)}
    if layer_type == "Embedding":
        return {"embeddings": (_SIZE, 2)}
    if layer_type == "AdditiveAttention":
        return {"scale": vector}
    return dict.fromkeys(_VECTORS.get(layer_type, ()), vector)


_STATISTICS = ("moving_mean", "moving_variance", "gamma", "beta")
_VECTORS: Mapping[str, tuple[str, ...]] = {
    "BatchNormalization": _STATISTICS,
    "GroupNormalization": ("gamma", "beta"),
    "LayerNormalization": ("gamma", "beta"),
    "LayerScale": ("gamma",),
    "Normalization": ("mean", "variance"),
    "PReLU": ("alpha",),
    "RMSNormalization": ("scale",),
}
