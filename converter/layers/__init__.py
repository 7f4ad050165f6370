"""The layer registry: one small function for each Keras layer type, restrictions as data."""

from __future__ import annotations

from . import activation, convolution, core, host, merging, normalization, operations, pooling, shaping, wrapping
from .custom import with_custom_layers
from .registry import LayerRegistry, Registration, UnsupportedLayerError

__all__ = ["LAYERS", "LayerRegistry", "Registration", "UnsupportedLayerError", "with_custom_layers"]

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

# of the TensorFlow Model Optimization toolkit and of QKeras
_QUANTISED = (
    "QuantizeLayer",
    "QuantizeWrapper",
    "QuantizeWrapperV2",
    "QActivation",
    "QAdaptiveActivation",
    "QAveragePooling2D",
    "QBatchNormalization",
    "QConv1D",
    "QConv2D",
    "QConv2DBatchnorm",
    "QConv2DTranspose",
    "QDense",
    "QDenseBatchnorm",
    "QDepthwiseConv2D",
    "QDepthwiseConv2DBatchnorm",
    "QGlobalAveragePooling2D",
    "QMobileNetSeparableConv2D",
    "QSeparableConv1D",
    "QSeparableConv2D",
)


def _build() -> LayerRegistry:
    layers = LayerRegistry()
    for module in (core, convolution, pooling, normalization, activation, shaping, merging, wrapping, operations, host):
        module.add_to(layers)
    layers.refuse("Lambda", code="code-in-file")
    layers.refuse(*_RECURRENT, code="recurrent")
    layers.refuse(*_QUANTISED, code="quantised-layer")
    return layers


LAYERS = _build()
"""Every layer type that spikeport knows. Put handlers of your own in ``LAYERS.child()``."""
