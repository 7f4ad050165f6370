"""Theano: it turned kernels by 180° and put the zeros of ``padding="same"`` elsewhere than TensorFlow does.

From the Theano backend of Keras 1 and 2: "same" is Theano's "half", k // 2 zeros on either side, of which an even
window leaves out the last; TensorFlow spreads as few zeros as the strides need, the odd one behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..ops.base import Array
from .spelling import Spelled, Writer, pair

__all__ = ["spelled", "weights"]

_CONVOLUTIONS = {f"Conv{n}D": n for n in (1, 2, 3)}
_TRANSPOSED = {f"Conv{n}DTranspose": n for n in (1, 2, 3)}
_POOLINGS = {f"{kind}Pooling{n}D": n for n in (1, 2, 3) for kind in ("Average", "Max")}
_FLIPPED = ("kernel", "recurrent_kernel")


def spelled(layer: Spelled, writer: Writer) -> Spelled:
    """Return a layer whose "same" padding is computed as Theano did."""
    if layer.config.get("padding") != "same":
        return layer
    if layer.layer_type in _CONVOLUTIONS:
        return _convolution(layer, _CONVOLUTIONS[layer.layer_type])
    if layer.layer_type in _TRANSPOSED:
        return _transposed(layer, _TRANSPOSED[layer.layer_type])
    if layer.layer_type in _POOLINGS:
        return _pooling(layer, _POOLINGS[layer.layer_type])
    return layer


def _sizes(layer: Spelled, argument: str, rank: int, default: Any = 1) -> tuple[int, ...] | None:
    value = layer.config.get(argument)
    return pair(default if value is None else value, rank)


def _moved(layer: Spelled, kind: str, amounts: list[list[int]]) -> Spelled:
    argument = "padding" if kind == "ZeroPadding" else "cropping"
    config: dict[str, Any] = {argument: amounts[0] if len(amounts) == 1 else amounts}
    if layer.config.get("data_format"):
        config["data_format"] = layer.config["data_format"]
    return Spelled(f"{kind}{len(amounts)}D", config)


def _convolution(layer: Spelled, rank: int) -> Spelled:
    window, strides = _sizes(layer, "kernel_size", rank), _sizes(layer, "strides", rank)
    dilation = _sizes(layer, "dilation_rate", rank)
    if window is None or strides is None or dilation is None:
        return layer
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    if all(k % 2 and s == 1 for k, s in zip(reach, strides, strict=True)):
        return layer  # as many zeros before as behind, in both
    zeros = _moved(layer, "ZeroPadding", [[k // 2, (k - 1) // 2] for k in reach])
    return replace(layer, config={**layer.config, "padding": "valid"}, before=(*layer.before, ("padding", zeros)))


def _transposed(layer: Spelled, rank: int) -> Spelled:
    window, strides = _sizes(layer, "kernel_size", rank), _sizes(layer, "strides", rank)
    if window is None or strides is None or all(k % 2 and s == 1 for k, s in zip(window, strides, strict=True)):
        return layer
    cuts = [[k // 2, k - s - k // 2] for k, s in zip(window, strides, strict=True)]
    if any(after < 0 for _, after in cuts):
        return _refused(layer)
    crop = _moved(layer, "Cropping", cuts)
    return replace(layer, config={**layer.config, "padding": "valid"}, after=(("cropping", crop), *layer.after))


def _pooling(layer: Spelled, rank: int) -> Spelled:
    window = _sizes(layer, "pool_size", rank, 2)
    strides = _sizes(layer, "strides", rank, window)
    if window is None or strides is None:
        return layer
    maximum = layer.layer_type.startswith("Max")
    alike = all(k == 1 or (maximum and k == 3 and s == 1) for k, s in zip(window, strides, strict=True))
    return layer if alike else _refused(layer)


def _refused(layer: Spelled) -> Spelled:
    return replace(layer, refusal=("no-equal-in-keras3", "padding='same' where Theano pads otherwise than TensorFlow"))


def weights(layer_type: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return kernels that Theano convolved with as TensorFlow correlates with them: turned by 180°.

    Depthwise and separable convolutions did not exist there before they agreed with TensorFlow's.
    """
    result = dict(arrays)
    if layer_type in _CONVOLUTIONS or layer_type in _TRANSPOSED or layer_type.startswith("ConvLSTM"):
        for name in _FLIPPED:
            if name in result:
                window = result[name].ndim - 2
                result[name] = np.ascontiguousarray(result[name][(slice(None, None, -1),) * window])
    return result
