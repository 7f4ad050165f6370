"""Normalisation layers that are a scale and shift for each channel at inference."""

from __future__ import annotations

import numpy as np

from ..layer_call import LayerCall
from ..ops import Op, Permute, ScaleShift
from ..ops.base import channel_vector
from .arguments import needed_weight, number, optional_weight
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
    gamma = optional_weight(call, "gamma", "scale", channels)
    beta = optional_weight(call, "beta", "center", channels)
    # Ioffe & Szegedy 2015, eq. (4): y = γ (x - μ) / sqrt(σ² + ε) + β
    scale = (1.0 if gamma is None else gamma) / np.sqrt(variance + number(call, "epsilon", 1e-3))
    shift = (0.0 if beta is None else beta) - mean * scale
    op = ScaleShift(scale=channel_vector(scale), shift=channel_vector(shift))
    if place == rank - 1:
        return (op,)
    swapped = list(range(rank))
    swapped[place], swapped[-1] = swapped[-1], swapped[place]
    order = tuple(swapped)
    return Permute(order=order), op, Permute(order=order)


def rescaling(call: LayerCall) -> tuple[Op, ...]:
    """Become a scale and shift."""
    scale, shift = number(call, "scale", 1.0), number(call, "offset", 0.0)
    return (ScaleShift(scale=channel_vector(np.array(scale)), shift=channel_vector(np.array(shift))),)


def add_to(layers: LayerRegistry) -> None:
    """Register the normalisation layers."""
    layers.register("BatchNormalization")(batch_normalization)
    layers.register("Rescaling")(rescaling)
