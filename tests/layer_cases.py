"""One Keras layer in one configuration: this table is the list of what is supported. Sizes are odd on purpose."""

from __future__ import annotations

import tf_keras
from keras import layers
from keras.src.applications.convnext import LayerScale

from one_layer import case
from spikeport.converter.ops import ACTIVATIONS

FIRST = {"data_format": "channels_first"}
KERAS2 = {"files": (".h5",)}  # layers that only Keras 2 has; its .keras files are of another make
KERAS_ONLY = {"files": (".keras",)}  # Keras 3.15 cannot write these to an .h5 file
KERAS2_ONLY = {"hard_sigmoid_keras2"}  # Keras 3 computes something else under that name

DENSE = [
    case("dense", lambda: layers.Dense(5), (7,)),
    case("dense-relu", lambda: layers.Dense(5, activation="relu"), (7,)),
    case("dense-no-bias", lambda: layers.Dense(5, use_bias=False), (7,)),
    case("dense-one-unit", lambda: layers.Dense(1, activation="relu"), (3,)),
    case("dense-rank2", lambda: layers.Dense(4, activation="relu"), (5, 3)),
    case("dense-rank3", lambda: layers.Dense(4, activation="relu", use_bias=False), (5, 3, 2)),
    case("dense-relu-layer", lambda: layers.Dense(5, activation=layers.ReLU(max_value=0.7)), (7,)),
    case("dense-leaky-layer", lambda: layers.Dense(5, activation=layers.LeakyReLU(negative_slope=0.15)), (7,)),
    case("dense-elu-layer", lambda: layers.Dense(5, activation=layers.ELU(0.5)), (7,)),
    case("dense-softmax-layer", lambda: layers.Dense(5, activation=layers.Softmax()), (7,)),
    case("dense-softmax", lambda: layers.Dense(5, activation="softmax"), (7,)),
    case("dense-relu6", lambda: layers.Dense(5, activation="relu6"), (7,)),
    case("dense-leaky", lambda: layers.Dense(5, activation="leaky_relu"), (7,)),
    case("dense-tanh", lambda: layers.Dense(5, activation="tanh"), (7,)),
]

CONV = [
    case("conv1d", lambda: layers.Conv1D(4, 3), (9, 2)),
    case("conv1d-same-relu", lambda: layers.Conv1D(4, 3, padding="same", activation="relu"), (9, 2)),
    case("conv1d-same-even-stride3", lambda: layers.Conv1D(4, 4, strides=3, padding="same"), (11, 2)),
    case("conv1d-causal", lambda: layers.Conv1D(4, 3, padding="causal"), (9, 2)),
    case("conv1d-causal-dilated", lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2), (9, 2)),
    case("conv1d-causal-stride2", lambda: layers.Conv1D(4, 3, padding="causal", strides=2), (9, 2)),
    case("conv1d-groups", lambda: layers.Conv1D(6, 3, groups=3), (9, 3)),
    case("conv1d-dilated-no-bias", lambda: layers.Conv1D(4, 3, dilation_rate=3, use_bias=False), (9, 2)),
    case("conv1d-first", lambda: layers.Conv1D(4, 3, activation="relu", **FIRST), (2, 9)),
    case("conv2d", lambda: layers.Conv2D(4, 3), (7, 6, 2)),
    case("conv2d-relu", lambda: layers.Conv2D(4, 3, activation="relu"), (7, 6, 2)),
    case("conv2d-same", lambda: layers.Conv2D(4, 3, padding="same"), (7, 6, 2)),
    case("conv2d-same-stride2", lambda: layers.Conv2D(4, 3, strides=2, padding="same"), (9, 9, 2)),
    case("conv2d-same-stride2-even", lambda: layers.Conv2D(4, (2, 4), strides=2, padding="same"), (8, 7, 2)),
    case("conv2d-stride-over-window", lambda: layers.Conv2D(4, 2, strides=3), (9, 8, 2)),
    case("conv2d-strides-uneven", lambda: layers.Conv2D(4, (3, 2), strides=(1, 2)), (7, 6, 2)),
    case("conv2d-pointwise", lambda: layers.Conv2D(4, 1, use_bias=False), (3, 5, 2)),
    case("conv2d-dilated", lambda: layers.Conv2D(4, 3, dilation_rate=2), (7, 6, 2)),
    case("conv2d-dilated-uneven-same", lambda: layers.Conv2D(4, 3, dilation_rate=(1, 3), padding="same"), (5, 7, 2)),
    case("conv2d-groups", lambda: layers.Conv2D(6, 3, groups=2, activation="relu"), (7, 5, 4)),
    case("conv2d-groups-same-stride2", lambda: layers.Conv2D(6, 3, groups=3, strides=2, padding="same"), (7, 5, 3)),
    case("conv2d-leaky-layer", lambda: layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.2)), (5, 5, 2)),
    case("conv2d-softmax", lambda: layers.Conv2D(4, 3, activation="softmax"), (5, 6, 2)),
    case("conv2d-first", lambda: layers.Conv2D(4, 3, **FIRST), (2, 7, 6)),
    case("conv2d-first-same-stride2", lambda: layers.Conv2D(4, 3, strides=2, padding="same", **FIRST), (2, 7, 6)),
    case("conv2d-first-softmax", lambda: layers.Conv2D(4, 3, activation="softmax", **FIRST), (2, 5, 6)),
    case("conv3d", lambda: layers.Conv3D(3, 2, activation="relu"), (4, 3, 5, 2)),
    case("conv3d-same-stride", lambda: layers.Conv3D(3, 3, strides=(2, 1, 2), padding="same"), (5, 3, 4, 2)),
    case("conv3d-dilated", lambda: layers.Conv3D(3, 2, dilation_rate=(1, 2, 1), use_bias=False), (3, 4, 3, 2)),
    case("conv3d-groups", lambda: layers.Conv3D(4, 2, groups=2), (3, 4, 3, 2)),
    case("conv3d-first", lambda: layers.Conv3D(3, 2, **FIRST), (2, 4, 3, 3)),
    case("depthwise1d", lambda: layers.DepthwiseConv1D(3), (9, 3)),
    case("depthwise1d-multiplier", lambda: layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same"), (9, 3)),
    case("depthwise2d", lambda: layers.DepthwiseConv2D(3, activation="relu"), (7, 6, 3)),
    case(
        "depthwise2d-multiplier-stride2-same",
        lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same"),
        (7, 6, 3),
    ),
    case("depthwise2d-dilated-no-bias", lambda: layers.DepthwiseConv2D(2, dilation_rate=2, use_bias=False), (7, 5, 3)),
    case("depthwise2d-first", lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, **FIRST), (3, 5, 6)),
    case("separable1d", lambda: layers.SeparableConv1D(5, 3), (9, 3)),
    case("separable1d-same", lambda: layers.SeparableConv1D(5, 3, padding="same", depth_multiplier=2), (9, 3)),
    case(
        "separable1d-causal",
        lambda: tf_keras.layers.SeparableConv1D(5, 3, padding="causal", depth_multiplier=2),
        (9, 3),
        **KERAS2,
    ),
    case("separable2d", lambda: layers.SeparableConv2D(5, 3, activation="relu"), (7, 6, 3)),
    case(
        "separable2d-same-stride2-no-bias",
        lambda: layers.SeparableConv2D(5, 3, strides=2, padding="same", use_bias=False, depth_multiplier=2),
        (7, 6, 3),
    ),
    case("separable2d-first", lambda: layers.SeparableConv2D(5, 2, **FIRST), (3, 5, 6)),
]

TRANSPOSED = [
    case("conv1d-transpose", lambda: layers.Conv1DTranspose(3, 3, strides=2), (5, 2)),
    case("conv1d-transpose-same", lambda: layers.Conv1DTranspose(3, 2, strides=3, padding="same"), (5, 2)),
    case("conv2d-transpose", lambda: layers.Conv2DTranspose(3, 3), (4, 5, 2)),
    case("conv2d-transpose-stride3", lambda: layers.Conv2DTranspose(3, 2, strides=3), (3, 5, 2)),
    case("conv2d-transpose-same", lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"), (3, 5, 2)),
    case("conv2d-transpose-relu", lambda: layers.Conv2DTranspose(3, 3, activation="relu", use_bias=False), (3, 4, 2)),
    case(
        "conv2d-transpose-output-padding",
        lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=(1, 0)),
        (3, 5, 2),
    ),
    case(
        "conv2d-transpose-valid-output-padding",
        lambda: layers.Conv2DTranspose(3, 3, strides=2, output_padding=1),
        (3, 5, 2),
    ),
    case("conv2d-transpose-dilated", lambda: layers.Conv2DTranspose(3, 3, dilation_rate=2), (4, 5, 2)),
    case("conv2d-transpose-first", lambda: layers.Conv2DTranspose(3, 2, activation="softmax", **FIRST), (2, 3, 4)),
    case("conv3d-transpose", lambda: layers.Conv3DTranspose(3, 2, strides=(1, 2, 1)), (3, 2, 3, 2)),
]

POOLING = [
    case("average1d", lambda: layers.AveragePooling1D(2), (7, 3)),
    case("average1d-same-stride", lambda: layers.AveragePooling1D(3, strides=2, padding="same"), (7, 3)),
    case("average1d-first", lambda: layers.AveragePooling1D(2, **FIRST), (3, 7)),
    case("average2d", lambda: layers.AveragePooling2D(2), (7, 5, 3)),
    case("average2d-same-odd", lambda: layers.AveragePooling2D((2, 3), padding="same"), (7, 5, 3)),
    case("average2d-overlapping", lambda: layers.AveragePooling2D(3, strides=1), (7, 5, 3)),
    case("average2d-gaps", lambda: layers.AveragePooling2D(2, strides=3), (7, 8, 3)),
    case("average2d-first", lambda: layers.AveragePooling2D(2, padding="same", **FIRST), (3, 5, 7)),
    case("average3d", lambda: layers.AveragePooling3D((2, 1, 2)), (5, 3, 4, 2)),
    case("average3d-same", lambda: layers.AveragePooling3D(2, padding="same"), (3, 5, 3, 2)),
    case("max1d", lambda: layers.MaxPooling1D(2), (7, 3)),
    case("max1d-same", lambda: layers.MaxPooling1D(3, strides=1, padding="same"), (7, 3)),
    case("max2d", lambda: layers.MaxPooling2D(2), (7, 5, 3)),
    case("max2d-same-odd", lambda: layers.MaxPooling2D((2, 3), padding="same"), (7, 5, 3)),
    case("max2d-overlapping", lambda: layers.MaxPooling2D(3, strides=2), (7, 5, 3)),
    case("max2d-first", lambda: layers.MaxPooling2D(2, **FIRST), (3, 5, 7)),
    case("max3d", lambda: layers.MaxPooling3D((2, 1, 2)), (5, 3, 4, 2)),
    case("max3d-same", lambda: layers.MaxPooling3D(2, padding="same"), (3, 5, 3, 2)),
    case("global-average1d", lambda: layers.GlobalAveragePooling1D(), (7, 3)),
    case("global-average2d", lambda: layers.GlobalAveragePooling2D(), (5, 7, 3)),
    case("global-average2d-keepdims", lambda: layers.GlobalAveragePooling2D(keepdims=True), (5, 7, 3)),
    case("global-average2d-first", lambda: layers.GlobalAveragePooling2D(**FIRST), (3, 5, 7)),
    case("global-average3d", lambda: layers.GlobalAveragePooling3D(), (3, 2, 5, 4)),
    case("global-max1d", lambda: layers.GlobalMaxPooling1D(keepdims=True), (7, 3)),
    case("global-max2d", lambda: layers.GlobalMaxPooling2D(), (5, 7, 3)),
    case("global-max2d-first-keepdims", lambda: layers.GlobalMaxPooling2D(keepdims=True, **FIRST), (3, 5, 7)),
    case("global-max3d", lambda: layers.GlobalMaxPooling3D(), (3, 2, 5, 4)),
]

ADAPTIVE = [
    case("adaptive-average1d", lambda: layers.AdaptiveAveragePooling1D(3), (7, 2)),
    case("adaptive-average2d", lambda: layers.AdaptiveAveragePooling2D((3, 2)), (7, 5, 2)),
    case("adaptive-average2d-first", lambda: layers.AdaptiveAveragePooling2D(2, **FIRST), (2, 5, 7)),
    case("adaptive-max1d", lambda: layers.AdaptiveMaxPooling1D(3), (9, 2)),
    case("adaptive-max2d", lambda: layers.AdaptiveMaxPooling2D((3, 2)), (9, 6, 2)),
    case("adaptive-max2d-first", lambda: layers.AdaptiveMaxPooling2D(2, **FIRST), (2, 4, 6)),
    case("adaptive-max3d", lambda: layers.AdaptiveMaxPooling3D(2), (4, 6, 2, 2)),
    case("adaptive-average3d", lambda: layers.AdaptiveAveragePooling3D(2), (3, 5, 3, 2)),
]

NORMALIZATION = [
    case("batch-norm", lambda: layers.BatchNormalization(), (7,)),
    case("batch-norm-rank3", lambda: layers.BatchNormalization(epsilon=0.1), (5, 3, 4)),
    case("batch-norm-axis1", lambda: layers.BatchNormalization(axis=1), (3, 5, 4)),
    case("batch-norm-axis2", lambda: layers.BatchNormalization(axis=2), (3, 5, 4)),
    case("batch-norm-axis-minus2", lambda: layers.BatchNormalization(axis=-2), (3, 5)),
    case("batch-norm-no-scale", lambda: layers.BatchNormalization(scale=False), (5, 4)),
    case("batch-norm-no-center", lambda: layers.BatchNormalization(center=False), (5, 4)),
    case("batch-norm-bare", lambda: layers.BatchNormalization(center=False, scale=False), (5, 4)),
    case("rescaling", lambda: layers.Rescaling(0.5, offset=-0.2), (5, 4)),
    case("layer-norm", lambda: layers.LayerNormalization(epsilon=0.1), (5, 4)),
    case("layer-norm-axes", lambda: layers.LayerNormalization(axis=[1, 2], epsilon=0.1), (5, 4)),
    case("layer-norm-no-scale", lambda: layers.LayerNormalization(scale=False, epsilon=0.1), (5, 4)),
    case("group-norm", lambda: layers.GroupNormalization(groups=3, epsilon=0.1), (5, 6)),
    case("group-norm-each", lambda: layers.GroupNormalization(groups=-1, epsilon=0.1, center=False), (5, 3, 4)),
    case("unit-norm", lambda: layers.UnitNormalization(), (5, 4)),
    case("unit-norm-axis1", lambda: layers.UnitNormalization(axis=1), (5, 4)),
    case("rms-norm", lambda: layers.RMSNormalization(epsilon=0.1), (5, 4)),
    case("normalization", lambda: layers.Normalization(mean=[0.1, 0.3, -0.2], variance=[0.5, 2.0, 1.0]), (5, 3)),
    case("normalization-whole", lambda: layers.Normalization(axis=None, mean=0.4, variance=0.6), (5, 3)),
    case("normalization-invert", lambda: layers.Normalization(axis=None, mean=0.4, variance=0.6, invert=True), (5, 4)),
    case("layer-scale", lambda: LayerScale(0.1, 4), (5, 4)),
]

ACTIVATION = [
    *(
        case(f"activation-{name}", lambda name=name: layers.Activation(name), (5, 4))
        for name in ACTIVATIONS
        if name not in KERAS2_ONLY
    ),
    case("activation-layer", lambda: layers.Activation(layers.LeakyReLU(0.4)), (5, 4)),
    case("relu", lambda: layers.ReLU(), (5, 4)),
    case("relu-max", lambda: layers.ReLU(max_value=0.8), (5, 4)),
    case("relu-slope", lambda: layers.ReLU(negative_slope=0.1), (5, 4)),
    case("relu-max-slope", lambda: layers.ReLU(max_value=0.8, negative_slope=0.1), (5, 4)),
    case("relu-threshold", lambda: layers.ReLU(threshold=0.3), (5, 4)),
    case("relu-threshold-slope-max", lambda: layers.ReLU(1.2, 0.2, 0.3), (5, 4)),
    case("leaky-relu", lambda: layers.LeakyReLU(), (5, 4)),
    case("leaky-relu-slope", lambda: layers.LeakyReLU(negative_slope=0.05), (5, 4)),
    case("elu", lambda: layers.ELU(), (5, 4)),
    case("elu-alpha", lambda: layers.ELU(alpha=0.4), (5, 4)),
    case("prelu", lambda: layers.PReLU(), (5, 4)),
    case("prelu-shared-axes", lambda: layers.PReLU(shared_axes=[1, 2]), (3, 5, 4)),
    case("thresholded-relu", lambda: tf_keras.layers.ThresholdedReLU(0.3), (5, 4), **KERAS2),
    case("softmax", lambda: layers.Softmax(), (5, 4)),
    case("softmax-axis1", lambda: layers.Softmax(axis=1), (5, 4)),
    case("softmax-axis-minus2", lambda: layers.Softmax(axis=-2), (3, 5, 4)),
]

IDENTITY = [
    case("identity", lambda: layers.Identity(), (5, 4)),
    case("dropout", lambda: layers.Dropout(0.5), (5, 4)),
    case("alpha-dropout", lambda: layers.AlphaDropout(0.3), (5,)),
    case("gaussian-dropout", lambda: layers.GaussianDropout(0.3), (5,)),
    case("gaussian-noise", lambda: layers.GaussianNoise(0.3), (5,)),
    case("spatial-dropout1d", lambda: layers.SpatialDropout1D(0.3), (5, 3)),
    case("spatial-dropout2d", lambda: layers.SpatialDropout2D(0.3), (5, 4, 3)),
    case("spatial-dropout3d", lambda: layers.SpatialDropout3D(0.3), (3, 2, 4, 3)),
    case("activity-regularization", lambda: layers.ActivityRegularization(l2=0.1), (5,)),
]

IMAGE = (5, 7, 3)
AUGMENTATION = [
    *(
        case(name, lambda name=name: getattr(layers, name)(), IMAGE)
        for name in (
            "AugMix",
            "CutMix",
            "MixUp",
            "RandAugment",
            "RandomColorJitter",
            "RandomElasticTransform",
            "RandomErasing",
            "RandomFlip",
            "RandomGaussianBlur",
            "RandomGrayscale",
            "RandomInvert",
            "RandomPerspective",
            "RandomShear",
        )
    ),
    *(
        case(name, lambda name=name: getattr(layers, name)(0.2), IMAGE)
        for name in ("RandomContrast", "RandomHue", "RandomRotation", "RandomZoom")
    ),
    *(
        case(name, lambda name=name: getattr(layers, name)(0.2), IMAGE, **KERAS_ONLY)
        for name in ("RandomBrightness", "RandomColorDegeneration", "RandomSaturation", "RandomSharpness")
    ),
    case("RandomPosterization", lambda: layers.RandomPosterization(3), IMAGE, **KERAS_ONLY),
    case("RandomTranslation", lambda: layers.RandomTranslation(0.2, 0.2), IMAGE),
]

SHAPING = [
    case("flatten", lambda: layers.Flatten(), (3, 5, 2)),
    case("flatten-vector", lambda: layers.Flatten(), (7,)),
    case("flatten-first", lambda: layers.Flatten(**FIRST), (3, 5, 2)),
    case("reshape", lambda: layers.Reshape((5, 6)), (3, 5, 2)),
    case("reshape-open", lambda: layers.Reshape((-1, 2, 3)), (6, 5)),
    case("permute", lambda: layers.Permute((2, 1)), (3, 5)),
    case("permute-rank3", lambda: layers.Permute((3, 1, 2)), (3, 5, 2)),
    case("repeat-vector", lambda: layers.RepeatVector(3), (5,)),
    case("padding1d", lambda: layers.ZeroPadding1D((1, 2)), (5, 3)),
    case("padding2d", lambda: layers.ZeroPadding2D(2), (5, 3, 2)),
    case("padding2d-uneven", lambda: layers.ZeroPadding2D(((1, 0), (0, 3))), (5, 3, 2)),
    case("padding2d-symmetric", lambda: layers.ZeroPadding2D((1, 2)), (5, 3, 2)),
    case("padding2d-first", lambda: layers.ZeroPadding2D(((1, 0), (2, 3)), **FIRST), (2, 5, 3)),
    case("padding3d", lambda: layers.ZeroPadding3D(((1, 0), (0, 1), (2, 0))), (2, 3, 2, 3)),
    case("cropping1d", lambda: layers.Cropping1D((1, 2)), (7, 3)),
    case("cropping2d", lambda: layers.Cropping2D(((1, 0), (0, 2))), (5, 4, 2)),
    case("cropping2d-first", lambda: layers.Cropping2D(1, **FIRST), (2, 5, 4)),
    case("cropping3d", lambda: layers.Cropping3D((1, 0, 1)), (3, 2, 5, 2)),
    case("upsampling1d", lambda: layers.UpSampling1D(3), (5, 2)),
    case("upsampling2d", lambda: layers.UpSampling2D((2, 3)), (3, 4, 2)),
    case("upsampling2d-first", lambda: layers.UpSampling2D((1, 2), **FIRST), (2, 3, 4)),
    case("upsampling2d-bilinear", lambda: layers.UpSampling2D(2, interpolation="bilinear"), (3, 4, 2)),
    case("upsampling2d-bilinear-first", lambda: layers.UpSampling2D(3, interpolation="bilinear", **FIRST), (2, 3, 4)),
    case("upsampling3d", lambda: layers.UpSampling3D((2, 1, 2)), (2, 3, 2, 3)),
    case("resizing", lambda: layers.Resizing(5, 3), (3, 7, 2)),
    case("resizing-nearest", lambda: layers.Resizing(4, 5, interpolation="nearest"), (3, 7, 2)),
    case("center-crop", lambda: layers.CenterCrop(2, 5), (5, 7, 2)),
]

MERGING = [
    case("add", lambda: layers.Add(), (5, 4), (5, 4)),
    case("add-3", lambda: layers.Add(), (5,), (5,), (5,)),
    case("add-broadcast", lambda: layers.Add(), (5, 4), (1, 4)),
    case("add-broadcast-rank", lambda: layers.Add(), (4,), (3, 5, 4)),
    case("subtract", lambda: layers.Subtract(), (5, 4), (5, 4)),
    case("subtract-broadcast", lambda: layers.Subtract(), (5, 4), (4,)),
    case("average", lambda: layers.Average(), (5, 4), (5, 4)),
    case("average-3", lambda: layers.Average(), (5,), (5,), (5,)),
    case("multiply", lambda: layers.Multiply(), (5, 4), (5, 4)),
    case("multiply-3-broadcast", lambda: layers.Multiply(), (5, 4), (5, 1), (4,)),
    case("maximum", lambda: layers.Maximum(), (5, 4), (5, 4)),
    case("maximum-3", lambda: layers.Maximum(), (5,), (5,), (5,)),
    case("minimum", lambda: layers.Minimum(), (5, 4), (5, 4)),
    case("minimum-broadcast", lambda: layers.Minimum(), (5, 4), (4,)),
    case("concatenate", lambda: layers.Concatenate(), (5, 4), (5, 3)),
    case("concatenate-3", lambda: layers.Concatenate(), (5,), (2,), (3,)),
    case("concatenate-axis1", lambda: layers.Concatenate(axis=1), (3, 4), (2, 4)),
    case("concatenate-axis-minus2", lambda: layers.Concatenate(axis=-2), (2, 3, 4), (2, 1, 4)),
]

OVER_TIME = [
    case("time-distributed-dense", lambda: layers.TimeDistributed(layers.Dense(3, activation="relu")), (5, 4)),
    case("time-distributed-conv", lambda: layers.TimeDistributed(layers.Conv2D(3, 2)), (2, 4, 3, 2)),
    case("time-distributed-depthwise", lambda: layers.TimeDistributed(layers.DepthwiseConv2D(2)), (2, 4, 3, 2)),
    case("time-distributed-softmax", lambda: layers.TimeDistributed(layers.Dense(3, activation="softmax")), (5, 4)),
    case(
        "time-distributed-leaky",
        lambda: tf_keras.layers.TimeDistributed(tf_keras.layers.LeakyReLU(0.25)),
        (5, 4),
        **KERAS2,
    ),
    case("time-distributed-max", lambda: layers.TimeDistributed(layers.MaxPooling2D(2)), (2, 4, 5, 2)),
    case("time-distributed-batch-norm", lambda: layers.TimeDistributed(layers.BatchNormalization()), (5, 4)),
    case("time-distributed-flatten", lambda: layers.TimeDistributed(layers.Flatten()), (3, 2, 4)),
]

LOOK_UP = [
    case("embedding", lambda: layers.Embedding(7, 3), (5,), whole=True),
    case("attention", lambda: layers.Attention(), (5, 4), (3, 4)),
    case("attention-scaled", lambda: layers.Attention(use_scale=True), (5, 4), (3, 4)),
    case("additive-attention", lambda: layers.AdditiveAttention(), (5, 4), (3, 4)),
    case("dot", lambda: layers.Dot(axes=1), (5,), (5,)),
    case("dot-axes", lambda: layers.Dot(axes=(2, 1)), (3, 5), (5, 2)),
    case("dot-normalized", lambda: layers.Dot(axes=-1, normalize=True), (3, 5), (2, 5)),
]

LOCALLY_CONNECTED = [
    case("local1d", lambda: tf_keras.layers.LocallyConnected1D(3, 2), (5, 2), **KERAS2),
    case("local2d", lambda: tf_keras.layers.LocallyConnected2D(3, (2, 3), strides=(2, 1)), (5, 4, 2), **KERAS2),
    case("local2d-no-bias", lambda: tf_keras.layers.LocallyConnected2D(3, 2, use_bias=False), (3, 4, 2), **KERAS2),
]

CASES = tuple(
    case
    for group in (
        DENSE,
        CONV,
        TRANSPOSED,
        POOLING,
        ADAPTIVE,
        NORMALIZATION,
        ACTIVATION,
        IDENTITY,
        AUGMENTATION,
        SHAPING,
        MERGING,
        OVER_TIME,
        LOOK_UP,
        LOCALLY_CONNECTED,
    )
    for case in group
)

REFUSED = {
    "Lambda": (lambda: layers.Lambda(lambda x: x * 2), (5, 4)),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(3)), (5, 4)),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(2, 3), (3, 5, 2)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(2, 3), (3, 5, 4, 2)),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 2), (2, 3, 4, 3, 2)),
    "GRU": (lambda: layers.GRU(3), (5, 4)),
    "LSTM": (lambda: layers.LSTM(3), (5, 4)),
    "RNN": (lambda: layers.RNN(layers.SimpleRNNCell(3)), (5, 4)),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), (5, 4)),
}
"""The layer types of Keras 3 that are refused, with a layer and its input shape to try."""
