"""Keras 1: what it called classes and arguments, and how it laid out weights, in the spelling of Keras 3.

The renamings are those of the Keras 2.0 release notes and of the loaders of Keras 2; the layouts those of the Keras 1
sources: with ``dim_ordering="th"`` kernels are (filters, channels, rows, columns); one kernel for each gate of an LSTM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..ops.base import Array
from .spelling import Spelled, Writer, renamed

__all__ = ["looks_like_keras1", "recurrent_names", "spelled", "weights"]

_CLASSES: Mapping[str, str] = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"AtrousConvolution{n}D": f"Conv{n}D" for n in (1, 2)},
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}

_EVERYWHERE: Mapping[str, str] = {
    "activity_regularizer_": "activity_regularizer",
    "bias": "use_bias",
    "border_mode": "padding",
    "nb_filter": "filters",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "pool_length": "pool_size",
    "filter_length": "kernel_size",
    "atrous_rate": "dilation_rate",
    "inner_activation": "recurrent_activation",
}

_BY_CLASS: Mapping[str, Mapping[str, str]] = {
    **{kind: {"output_dim": "units"} for kind in ("Dense", "LSTM", "GRU", "SimpleRNN")},
    **{kind: {"p": "rate"} for kind in ("Dropout", "GaussianDropout")},
    **{f"SpatialDropout{n}D": {"p": "rate"} for n in (1, 2, 3)},
    "GaussianNoise": {"sigma": "stddev"},
    "UpSampling1D": {"length": "size"},
}

_MERGES: Mapping[str, str] = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
}

_KERNEL_AXES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_MARKS = frozenset(("nb_filter", "border_mode", "dim_ordering", "W_regularizer", "input_dtype", "W_constraint", "init"))
_OWN_CLASSES = frozenset(_CLASSES) | {"Merge", "MaxoutDense", "Highway"}


def looks_like_keras1(layer_type: Any, config: Any) -> bool:
    """Say whether a layer of a config without version can only be from Keras 1."""
    return layer_type in _OWN_CLASSES or (isinstance(config, Mapping) and not _MARKS.isdisjoint(config))


def spelled(layer: Spelled, writer: Writer) -> Spelled:
    """Return a layer of Keras 1 with the class name and arguments of later versions."""
    original, config = layer.layer_type, dict(layer.config)
    layer_type = _CLASSES.get(original, original)
    config = renamed(config, _EVERYWHERE)
    config = renamed(config, _BY_CLASS.get(layer_type, {}))
    _join_kernel_size(config)
    _data_format(config, writer)
    if "consume_less" in config:  # decides how an LSTM or GRU stores its kernels
        config["implementation"] = 2 if config.pop("consume_less") == "gpu" else 0
        config["stored_by"] = "keras1"
    _join_padding(layer_type, config)
    if "noise_shape" in config and config["noise_shape"] is None:
        del config["noise_shape"]
    done = replace(layer, layer_type=layer_type, config=config)
    special = _SPECIAL.get(original)
    return special(done) if special else done


def _join_kernel_size(config: dict[str, Any]) -> None:
    for axes in _KERNEL_AXES:
        if axes[0] in config:
            config["kernel_size"] = [config.pop(axis, None) for axis in axes]


def _data_format(config: dict[str, Any], writer: Writer) -> None:
    if "dim_ordering" not in config:
        return
    ordering = config.pop("dim_ordering")
    if ordering == "default":
        ordering = "th" if writer.is_theano else "tf"
    config["data_format"] = "channels_first" if ordering == "th" else "channels_last"


def _join_padding(layer_type: str, config: dict[str, Any]) -> None:
    """Write the padding of ZeroPadding2D, (top, bottom, left, right) or by name, in pairs."""
    padding = config.get("padding")
    if layer_type == "ZeroPadding1D" and isinstance(padding, Mapping):
        config["padding"] = [padding.get("left_pad", 0), padding.get("right_pad", 0)]
    if layer_type != "ZeroPadding2D":
        return
    if isinstance(padding, Mapping):
        padding = [padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right")]
    if isinstance(padding, (list, tuple)) and len(padding) == 4:
        config["padding"] = [list(padding[:2]), list(padding[2:])]


def _merge(layer: Spelled) -> Spelled:
    config = dict(layer.config)
    mode = config.pop("mode", "sum")
    if not isinstance(mode, str) or mode not in _MERGES:
        what = mode if isinstance(mode, str) and mode == "cos" else "a function"
        return replace(layer, refusal=("no-equal-in-keras3", f"Merge of Keras 1 with mode {what}"))
    kind = _MERGES[mode]
    if kind == "Concatenate":
        config["axis"] = config.get("concat_axis", -1)
    if kind == "Dot":
        config["axes"] = config.get("dot_axes", -1)
    return replace(layer, layer_type=kind, config=config)


def _batch_normalization(layer: Spelled) -> Spelled:
    mode = layer.config.get("mode", 0)
    if mode == 0:
        return layer
    how = "normalises each sample" if mode == 1 else "uses the statistics of each batch"
    return replace(layer, refusal=("no-equal-in-keras3", f"mode={mode!r} of Keras 1, which {how}"))


def _transposed(layer: Spelled) -> Spelled:
    """Check by a Reshape to the same shape that the output is as large as ``output_shape`` says."""
    shape = layer.config.get("output_shape")
    if not isinstance(shape, (list, tuple)) or not all(isinstance(n, int) and n > 0 for n in shape[1:]):
        return layer
    return replace(layer, after=(("size", Spelled("Reshape", {"target_shape": list(shape[1:])})),))


def _recurrent(layer: Spelled) -> Spelled:
    config = dict(layer.config)
    if layer.layer_type == "GRU":
        config["reset_after"] = False
    return replace(layer, config=config)


_SPECIAL: Mapping[str, Callable[[Spelled], Spelled]] = {
    "BatchNormalization": _batch_normalization,
    "Deconvolution2D": _transposed,
    "GRU": _recurrent,
    "Merge": _merge,
}

# what is stored for each gate, in the order in which Keras 1 kept them
_GATES: Mapping[str, tuple[str, ...]] = {"LSTM": ("i", "c", "f", "o"), "GRU": ("z", "r", "h")}
# the order in which later versions put the gates side by side
_ORDER: Mapping[str, tuple[str, ...]] = {"LSTM": ("i", "f", "c", "o"), "GRU": ("z", "r", "h")}
_PARTS = ("kernel", "recurrent_kernel", "bias")


def recurrent_names(layer_type: str, config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the names of the arrays that Keras 1 stored for an LSTM or GRU: three for each gate."""
    if layer_type not in _GATES or config.get("implementation") == 2:
        return None
    return tuple(f"{part}_{gate}" for gate in _GATES[layer_type] for part in _PARTS)


def weights(layer_type: str, config: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return weights that Keras 1 stored in the layout of later versions."""
    result = dict(arrays)
    if layer_type in _GATES and f"kernel_{_GATES[layer_type][0]}" in result:
        order = _ORDER[layer_type]
        return {part: _side_by_side([result[f"{part}_{gate}"] for gate in order]) for part in _PARTS}
    first = config.get("data_format") == "channels_first"
    for name in ("kernel", "depthwise_kernel", "pointwise_kernel"):
        if name in result:
            result[name] = _kernel(layer_type, config, result[name], first)
    return result


def _side_by_side(parts: Sequence[Array]) -> Array:
    return np.concatenate(parts, axis=-1)


def _kernel(layer_type: str, config: Mapping[str, Any], kernel: Array, first: bool) -> Array:
    if layer_type == "Conv1D" and kernel.ndim == 4:
        # Keras 1.2: (length, 1, channels, filters); before: (filters, channels, length, 1)
        window = config.get("kernel_size")
        length = window[0] if isinstance(window, (list, tuple)) and window else window
        if kernel.shape[1] != 1 or kernel.shape[0] != length or kernel.shape[3] != config.get("filters"):
            kernel = kernel.transpose(2, 3, 1, 0)
        kernel = kernel[:, 0]
    elif layer_type == "Conv2DTranspose" and kernel.ndim == 4:
        kernel = kernel.transpose(2, 3, 0, 1) if first else kernel.transpose(0, 1, 3, 2)
    elif layer_type in ("Conv2D", "Conv3D", "SeparableConv2D") and first and kernel.ndim >= 4:
        kernel = kernel.transpose(*range(2, kernel.ndim), 1, 0)
    return np.ascontiguousarray(kernel)
