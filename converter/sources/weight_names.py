"""The weights of each Keras layer: their names, in the order in which Keras keeps them, and which are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["weight_names"]

Config = Mapping[str, Any]
Names = tuple[tuple[str, ...], tuple[str, ...]]  # trained, not trained


def _kernel_bias(config: Config) -> Names:
    return (("kernel", "bias") if config.get("use_bias", True) else ("kernel",)), ()


def _separable(config: Config) -> Names:
    kernels = ("depthwise_kernel", "pointwise_kernel")
    return ((*kernels, "bias") if config.get("use_bias", True) else kernels), ()


def _depthwise(config: Config) -> Names:
    return (("depthwise_kernel", "bias") if config.get("use_bias", True) else ("depthwise_kernel",)), ()


def _gamma_beta(config: Config) -> tuple[str, ...]:
    gamma = ("gamma",) if config.get("scale", True) else ()
    return (*gamma, "beta") if config.get("center", True) else gamma


def _batch_normalization(config: Config) -> Names:
    return _gamma_beta(config), ("moving_mean", "moving_variance")


def _normalization(config: Config) -> Names:
    return _gamma_beta(config), ()


def _fixed(*names: str) -> Callable[[Config], Names]:
    return lambda config: (names, ())


_WEIGHTS: Mapping[str, Callable[[Config], Names]] = {
    **dict.fromkeys(("Dense", "EinsumDense"), _kernel_bias),
    **{f"Conv{n}D{kind}": _kernel_bias for n in (1, 2, 3) for kind in ("", "Transpose")},
    **{f"SeparableConv{n}D": _separable for n in (1, 2)},
    **{f"DepthwiseConv{n}D": _depthwise for n in (1, 2)},
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), _normalization),
    "PReLU": _fixed("alpha"),
    "Embedding": _fixed("embeddings"),
    "RMSNormalization": _fixed("scale"),
    "LayerScale": _fixed("gamma"),
    "Normalization": lambda config: ((), ("mean", "variance", "count")),
    **{f"LocallyConnected{n}D": _kernel_bias for n in (1, 2)},
}


def weight_names(layer_type: str, config: Config) -> Names | None:
    """Return the names of a layer's trained and other weights in Keras's order; None for a type not in the table."""
    inner = config.get("layer")
    if layer_type == "TimeDistributed" and isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
        return weight_names(str(inner.get("class_name")), inner["config"])
    names = _WEIGHTS.get(layer_type)
    return names(config) if names else None
