"""Two models of the Nengo forum: the clip classifier with max pooling, and the autoencoder that takes noise away."""

from __future__ import annotations

import keras
from keras import layers, regularizers


def clip_classifier(filters: tuple[int, int] = (64, 128), units: int = 2048) -> keras.Model:
    """Conv3D, MaxPooling3D, Dense with regularisers and dropout, for clips of 16 frames."""
    penalty = {"kernel_regularizer": regularizers.L2(1e-4)}
    return keras.Sequential(
        [
            keras.Input((16, 36, 64, 3), name="clip"),
            layers.Conv3D(filters[0], 3, activation="relu", name="conv1", **penalty),
            layers.MaxPooling3D(2, name="pool1"),
            layers.Conv3D(filters[1], 3, activation="relu", name="conv2", **penalty),
            layers.MaxPooling3D(2, name="pool2"),
            layers.Flatten(name="flat"),
            layers.Dense(units, activation="relu", name="hidden", **penalty),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(12, activation="softmax", name="gesture"),
        ],
        name="forum",
    )


def autoencoder() -> keras.Model:
    """Convolutions and same-padded max pooling down to 7 × 7, transposed convolutions back up to 28 × 28."""
    same = {"padding": "same", "activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="noisy"),
            layers.Conv2D(32, 3, **same),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(32, 3, **same),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2DTranspose(32, 3, strides=2, **same),
            layers.Conv2DTranspose(32, 3, strides=2, **same),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ],
        name="autoencoder",
    )
