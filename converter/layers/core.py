"""InputLayer, Dense, and the layers that do nothing at inference."""

from __future__ import annotations

from ..layer_call import LayerCall
from ..ops import Dense, Identity, Input, Op
from .activation import activation_ops
from .arguments import needed_weight, optional_weight
from .registry import Handler, LayerRegistry

__all__ = ["add_to"]

# what they do in training → the layers that do nothing else
_IDENTITIES = {
    "it drops values in training only": (
        "AlphaDropout",
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
    ),
    "it adds noise in training only": ("GaussianDropout", "GaussianNoise"),
    "it adds to the loss in training only": ("ActivityRegularization",),
    "it changes images in training only": (
        "AugMix",
        "CutMix",
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
    ),
    "it returns its input": ("Identity",),
}


def input_layer(call: LayerCall) -> tuple[Op, ...]:
    """Where samples come in."""
    return (Input(shape=call.config["shape"]),)


def dense(call: LayerCall) -> tuple[Op, ...]:
    """Become a matrix product over the last axis, on an input of any rank; its activation as Activation."""
    kernel = needed_weight(call, "kernel", rank=2)
    bias = optional_weight(call, "bias", "use_bias", kernel.shape[1])
    return (Dense(kernel=kernel, bias=bias), *activation_ops(call))


def _left_out(why: str) -> Handler:
    """Return the handler of layers that do nothing at inference."""

    def identity(call: LayerCall) -> tuple[Op, ...]:
        return (Identity(why=why),)

    identity.__doc__ = f"Left out: {why}."
    return identity


def add_to(layers: LayerRegistry) -> None:
    """Register these layers."""
    layers.register("InputLayer")(input_layer)
    layers.register("Dense")(dense)
    for why, layer_types in _IDENTITIES.items():
        layers.register(*layer_types)(_left_out(why))
