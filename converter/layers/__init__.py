"""The layer registry: one small function for each Keras layer type, restrictions as data."""

from __future__ import annotations

from . import activation, convolution, core, host, merging, normalization, pooling, shaping, wrapping
from .registry import LayerRegistry, Registration, UnsupportedLayerError

__all__ = ["LAYERS", "LayerRegistry", "Registration", "UnsupportedLayerError"]

_RECURRENT = (
    "Bidirectional",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "CuDNNGRU",
    "CuDNNLSTM",
    "GRU",
    "LSTM",
    "RNN",
    "SimpleRNN",
)


def _build() -> LayerRegistry:
    layers = LayerRegistry()
    for module in (core, convolution, pooling, normalization, activation, shaping, merging, wrapping, host):
        module.add_to(layers)
    layers.refuse("Lambda", code="code-in-file")
    layers.refuse(*_RECURRENT, code="recurrent")
    return layers


LAYERS = _build()
"""Every layer type that spikeport knows. Put handlers of your own in ``LAYERS.child()``."""
