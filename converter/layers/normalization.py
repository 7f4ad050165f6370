"""Normalisation layers: a scale and shift where the statistics are stored, a host op where they are the sample's."""

from __future__ import annotations

import numpy as np

from ..layer_call import LayerCall
from ..ops import Array, Op, Permute, ScaleShift, Standardize, UnitLength
from ..ops.base import channel_vector
from .arguments import needed_weight, number, optional_weight, sample_axes
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to"]


def batch_normalization(call: LayerCall) -> tuple[Op, ...]:
    """Become a scale and shift from the moving mean and variance, folded into the layer before where that is linear."""
    rank = len(call.input_shape)
    axis = call.config.get("axis", -1)
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        axis = axis[0]
    if not isinstance(axis, int) or not (1 <= axis <= rank or -rank <= axis <= -1):
        raise UnsupportedLayerError("unsupported-argument", f"axis={axis!r}; takes one axis other than the batch")
    place = axis - 1 if axis > 0 else rank + axis
    channels = call.input_shape[place]
    mean = needed_weight(call, "moving_mean").astype(np.float64)
    variance = needed_weight(call, "moving_variance").astype(np.float64)
    if mean.size != channels or variance.size != channels:
        raise UnsupportedLayerError(
            "shape-mismatch", f"moving_mean expected with {channels} values, received {mean.shape}"
        )
    variance = variance + number(call, "epsilon", 1e-3)
    if variance.min() <= 0:
        raise UnsupportedLayerError("unsupported-argument", f"variance + epsilon={variance.min():g}; takes more than 0")
    gamma = optional_weight(call, "gamma", "scale", channels)
    beta = optional_weight(call, "beta", "center", channels)
    # Ioffe & Szegedy 2015, eq. (4): y = γ (x - μ) / sqrt(σ² + ε) + β
    scale = (1.0 if gamma is None else gamma) / np.sqrt(variance)
    shift = (0.0 if beta is None else beta) - mean * scale
    op = ScaleShift(scale=channel_vector(scale), shift=channel_vector(shift))
    if place == rank - 1:
        return (op,)
    # the same transpositions as around channels-first convolutions, so that the two cancel
    to_last = (*(i for i in range(rank) if i != place), place)
    back = tuple(to_last.index(i) for i in range(rank))
    return Permute(order=to_last), op, Permute(order=back)


def rescaling(call: LayerCall) -> tuple[Op, ...]:
    """Become a scale and shift."""
    scale, shift = number(call, "scale", 1.0), number(call, "offset", 0.0)
    return (ScaleShift(scale=channel_vector(np.array(scale)), shift=channel_vector(np.array(shift))),)


def normalization(call: LayerCall) -> tuple[Op, ...]:
    """Become a scale and shift from the mean and variance that the layer was adapted to."""
    mean, variance = _statistics(call, "mean"), _statistics(call, "variance")
    rank = len(call.input_shape)
    places = () if call.config.get("axis", -1) is None else sample_axes(call)
    shape = tuple(n if i in places else 1 for i, n in enumerate(call.input_shape))
    for value in (mean, variance):
        if value.size not in (1, int(np.prod(shape))):
            raise UnsupportedLayerError("shape-mismatch", f"mean expected of shape {shape}, received {value.shape}")
    mean, variance = (v.reshape(shape if v.size > 1 else (1,) * rank) for v in (mean, variance))
    deviation = np.maximum(np.sqrt(variance), 1e-7)  # keras.config.epsilon()
    if call.config.get("invert", False):
        return (_scale_shift(deviation, mean),)
    return (_scale_shift(1 / deviation, -mean / deviation),)


def _statistics(call: LayerCall, name: str) -> Array:
    """Return the mean or the variance: an argument, or what the layer was adapted to."""
    given = call.config.get(name)
    try:
        value = np.asarray(needed_weight(call, name) if given is None else given, np.float64)
        good = bool(np.isfinite(value).all()) and (name == "mean" or bool((value >= 0).all()))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise UnsupportedLayerError("unsupported-argument", f"{name}={given!r}; takes finite numbers")
    return value


def _scale_shift(scale: Array, shift: Array) -> ScaleShift:
    """Return the op with one value for each channel where no other axis has more than one."""
    if max(scale.shape[:-1], default=1) == 1 and max(shift.shape[:-1], default=1) == 1:
        return ScaleShift(scale=channel_vector(scale), shift=channel_vector(shift))
    return ScaleShift(scale=scale.astype(np.float32), shift=shift.astype(np.float32))


def _parameter(call: LayerCall, name: str, switch: str, axes: tuple[int, ...], default: float) -> Array:
    """Return a trained array, shaped to broadcast along the axes; a constant where it is switched off."""
    if not call.config.get(switch, True):
        return np.full((1,) * len(call.input_shape), default, np.float32)
    shape = tuple(n if i in axes else 1 for i, n in enumerate(call.input_shape))
    value = needed_weight(call, name)
    if value.size != int(np.prod(shape)):
        raise UnsupportedLayerError("shape-mismatch", f"{name} expected of shape {shape}, received {value.shape}")
    return value.reshape(shape)


def layer_normalization(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host: it divides by the sample's own spread."""
    axes = sample_axes(call)
    op = Standardize(
        axes=axes,
        epsilon=number(call, "epsilon", 1e-3, least=0.0),
        scale=_parameter(call, "gamma", "scale", axes, 1.0),
        shift=_parameter(call, "beta", "center", axes, 0.0),
        centred=not call.config.get("rms_scaling", False),
    )
    return (op,)


def group_normalization(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host: it divides by the sample's own spread."""
    rank = len(call.input_shape)
    if sample_axes(call) != (rank - 1,):
        raise UnsupportedLayerError("unsupported-argument", f"axis={call.config.get('axis')!r}; takes the last axis")
    groups = call.config.get("groups", 32)
    channels = call.input_shape[-1]
    groups = channels if groups == -1 else groups
    if not isinstance(groups, int) or groups < 1 or channels % groups:
        raise UnsupportedLayerError(
            "unsupported-argument", f"groups={groups!r}; takes a divisor of {channels} channels"
        )
    op = Standardize(
        axes=tuple(range(rank)),
        epsilon=number(call, "epsilon", 1e-3, least=0.0),
        scale=_parameter(call, "gamma", "scale", (rank - 1,), 1.0),
        shift=_parameter(call, "beta", "center", (rank - 1,), 0.0),
        groups=groups,
    )
    return (op,)


def rms_normalization(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host: it divides by the sample's own size."""
    axes = sample_axes(call)
    scale = _parameter(call, "scale", "has_scale", axes, 1.0)
    epsilon = number(call, "epsilon", 1e-6, least=0.0)
    return (Standardize(axes=axes, epsilon=epsilon, scale=scale, shift=np.zeros_like(scale), centred=False),)


def unit_normalization(call: LayerCall) -> tuple[Op, ...]:
    """Computed on the host: it divides by the sample's own length."""
    return (UnitLength(axes=sample_axes(call)),)


def layer_scale(call: LayerCall) -> tuple[Op, ...]:
    """Become a scale for each channel (a layer of ConvNeXt in keras.applications)."""
    gamma = needed_weight(call, "gamma")
    return (ScaleShift(scale=channel_vector(gamma), shift=np.zeros(1, np.float32)),)


def add_to(layers: LayerRegistry) -> None:
    """Register the normalisation layers."""
    layers.register("BatchNormalization")(batch_normalization)
    layers.register("Rescaling")(rescaling)
    layers.register("Normalization")(normalization)
    layers.register("LayerNormalization")(layer_normalization)
    layers.register("GroupNormalization")(group_normalization)
    layers.register("RMSNormalization")(rms_normalization)
    layers.register("UnitNormalization")(unit_normalization)
    layers.register("LayerScale")(layer_scale)
