"""The weights of each Keras layer: their names, in the order in which Keras keeps them, and which are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .keras1 import recurrent_names

__all__ = ["ATTENTION_PARTS", "weight_names"]

Config = Mapping[str, Any]
Names = tuple[tuple[str, ...], tuple[str, ...]]  # trained, not trained


def _kernel_bias(config: Config) -> Names:
    return (("kernel", "bias") if config.get("use_bias", True) else ("kernel",)), ()


def _separable(config: Config) -> Names:
    kernels = ("depthwise_kernel", "pointwise_kernel")
    return ((*kernels, "bias") if config.get("use_bias", True) else kernels), ()


def _depthwise(config: Config) -> Names:
    return (("depthwise_kernel", "bias") if config.get("use_bias", True) else ("depthwise_kernel",)), ()


def _dense(config: Config) -> Names:
    return _kernel_bias(config)[0], ("kernel_scale",) if config.get("quantization") else ()


def _recurrent(config: Config) -> Names:
    kernels = ("kernel", "recurrent_kernel")
    return ((*kernels, "bias") if config.get("use_bias", True) else kernels), ()


ATTENTION_PARTS = ("query", "key", "value", "attention_output")
"""The layers inside a MultiHeadAttention, in the order of its weights."""


def _attention(config: Config) -> Names:
    own = ("kernel", "bias") if config.get("use_bias", True) else ("kernel",)
    return tuple(f"{part}/{name}" for part in ATTENTION_PARTS for name in own), ()


def _bidirectional(config: Config) -> Names | None:
    found = [_inside(config.get(side)) for side in ("layer", "backward_layer")]
    forward, backward = found[0], found[1] or found[0]
    if forward is None or backward is None:
        return None
    trained = [*(f"forward_layer/{n}" for n in forward[0]), *(f"backward_layer/{n}" for n in backward[0])]
    others = [*(f"forward_layer/{n}" for n in forward[1]), *(f"backward_layer/{n}" for n in backward[1])]
    return tuple(trained), tuple(others)


def _inside(layer: Any) -> Names | None:
    if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
        return None
    return weight_names(str(layer.get("class_name")), layer["config"])


def _gamma_beta(config: Config) -> tuple[str, ...]:
    gamma = ("gamma",) if config.get("scale", True) else ()
    return (*gamma, "beta") if config.get("center", True) else gamma


def _batch_normalization(config: Config) -> Names:
    return _gamma_beta(config), ("moving_mean", "moving_variance")


def _normalization(config: Config) -> Names:
    return _gamma_beta(config), ()


def _fixed(*names: str) -> Callable[[Config], Names]:
    return lambda config: (names, ())


def _split(config: Config, **learned_by: str) -> Names:
    """Return weights in the order in which they are made, those first whose argument says that they are trained."""
    trained = tuple(name for name, argument in learned_by.items() if not argument or config.get(argument))
    return trained, tuple(name for name in learned_by if name not in trained)


_WEIGHTS: Mapping[str, Callable[[Config], Names]] = {
    "Dense": _dense,
    "EinsumDense": _kernel_bias,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _recurrent),
    **{f"Conv{n}D{kind}": _kernel_bias for n in (1, 2, 3) for kind in ("", "Transpose")},
    **{f"SeparableConv{n}D": _separable for n in (1, 2)},
    **{f"DepthwiseConv{n}D": _depthwise for n in (1, 2)},
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), _normalization),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), _attention),
    "PReLU": _fixed("alpha"),
    "Embedding": _fixed("embeddings"),
    "RMSNormalization": _fixed("scale"),
    "LayerScale": _fixed("gamma"),
    "Normalization": lambda config: ((), ("mean", "variance", "count")),
    **{f"LocallyConnected{n}D": _kernel_bias for n in (1, 2)},
    # of spikeport.training; what is trained and what is not depends on the arguments
    "Leaky": lambda config: _split(config, beta="learn_beta", threshold="learn_threshold"),
    "LIF": lambda config: _split(config, log_tau_rc="learn_tau", threshold="learn_threshold"),
    "AdaptiveLIF": lambda config: _split(config, log_tau_rc="learn_tau", threshold="learn_threshold"),
    "CubaLIF": lambda config: _split(config, alpha="learn_alpha", beta="learn_beta", threshold="learn_threshold"),
    "RecurrentLIF": lambda config: _split(config, beta="learn_beta", threshold="learn_threshold", recurrent_kernel=""),
    "LeakyIntegrator": lambda config: _split(config, beta="learn_beta"),
    "Alpha": _fixed("tau", "initial_level"),
    "Lowpass": _fixed("tau", "initial_level"),
}


def weight_names(layer_type: str, config: Config) -> Names | None:
    """Return the names of a layer's trained and other weights in Keras's order; None for a type not in the table."""
    inner = config.get("layer")
    if (
        layer_type in ("EachStep", "TimeDistributed")
        and isinstance(inner, Mapping)
        and isinstance(inner.get("config"), Mapping)
    ):
        return weight_names(str(inner.get("class_name")), inner["config"])
    if layer_type == "Bidirectional":
        return _bidirectional(config)
    if config.get("stored_by") == "keras1":
        own = recurrent_names(layer_type, config)
        if own is not None:
            return own, ()
    names = _WEIGHTS.get(layer_type)
    return names(config) if names else None
