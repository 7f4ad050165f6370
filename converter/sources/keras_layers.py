"""The names of Keras's own layers, of every version: a custom layer of such a name must not be taken for Keras's."""

from __future__ import annotations

__all__ = ["KERAS_LAYERS", "KERAS_MODULES", "OPERATION_MODULES"]

KERAS_MODULES = ("keras", "tf_keras", "tensorflow")
"""The first part of the modules in which Keras's own layers lie, as configs name them."""

OPERATION_MODULES = ("keras.src.ops.", "keras.ops", "keras.src.operations.", "keras.operations")
"""Where the operations lie that Keras 3 lists among a model's layers: x + 1, ops.relu(x)."""

_RANKED = (
    *("AdaptiveAveragePooling", "AdaptiveMaxPooling", "AveragePooling", "AvgPool", "Conv", "ConvLSTM", "Convolution"),
    *("Cropping", "DepthwiseConv", "GlobalAveragePooling", "GlobalAvgPool", "GlobalMaxPool", "GlobalMaxPooling"),
    *("LocallyConnected", "MaxPool", "MaxPooling", "SeparableConv", "SeparableConvolution", "SpatialDropout"),
    *("UpSampling", "ZeroPadding"),
)

_OTHERS = """
Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average BatchNormalization
BatchNormalizationV1 BatchNormalizationV2 Bidirectional CategoryEncoding CenterCrop Concatenate CuDNNGRU CuDNNLSTM Dense
Discretization Dot Dropout ELU EinsumDense Embedding Flatten Functional GRU GRUCell GaussianDropout GaussianNoise
GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell Lambda
LayerNormalization LeakyReLU Masking Maximum MelSpectrogram Merge Minimum Model MultiHeadAttention Multiply
Normalization PReLU Permute RMSNormalization RNN RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight
RandomRotation RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing Sequential
SimpleRNN SimpleRNNCell Softmax SpectralNormalization StackedRNNCells StringLookup Subtract SyncBatchNormalization
TextVectorization ThresholdedReLU TimeDistributed UnitNormalization
"""

KERAS_LAYERS = frozenset(
    {
        *_OTHERS.split(),
        *(f"{kind}{n}D" for kind in _RANKED for n in (1, 2, 3)),
        *(f"{kind}{n}DTranspose" for kind in ("Conv", "Convolution") for n in (1, 2, 3)),
    }
)
"""Class names that mean Keras's layer, unless the config says that the class is another's."""
