"""InputLayer, Dense, and the layers that do nothing at inference."""

from __future__ import annotations

from ..layer_call import LayerCall
from ..ops import Dense, Identity, Input, Op
from .activation import activation_ops
from .arguments import needed_weight, optional_weight
from .registry import LayerRegistry

__all__ = ["add_to"]

_IDENTITIES = (
    "ActivityRegularization",
    "AlphaDropout",
    "AugMix",
    "CutMix",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)


def input_layer(call: LayerCall) -> tuple[Op, ...]:
    """Where samples come in."""
    return (Input(shape=call.config["shape"]),)


def dense(call: LayerCall) -> tuple[Op, ...]:
    """Become a matrix product over the last axis, on an input of any rank; its activation as Activation."""
    kernel = needed_weight(call, "kernel", rank=2)
    bias = optional_weight(call, "bias", "use_bias", kernel.shape[1])
    return (Dense(kernel=kernel, bias=bias), *activation_ops(call))


def identity(call: LayerCall) -> tuple[Op, ...]:
    """Left out: does nothing at inference."""
    return (Identity(),)


def add_to(layers: LayerRegistry) -> None:
    """Register these layers."""
    layers.register("InputLayer")(input_layer)
    layers.register("Dense")(dense)
    layers.register(*_IDENTITIES)(identity)
