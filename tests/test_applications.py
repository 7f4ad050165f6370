"""The families of keras.applications: from the live model and from its files, the rate network equals Keras."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

import spikeport
from comparison import assert_equals_keras, value_range
from keras_models import seeded

SOURCES = ("live", ".h5", ".keras")
TOLERANCE = 1e-4  # of the output's range


class Family(NamedTuple):
    """How a family is built: the side of its images, which some hold to a minimum, and whether it rescales pixels."""

    side: int = 64
    pixels: bool = False


FAMILIES = {
    "VGG16": Family(48),
    "ResNet50": Family(),
    "ResNet50V2": Family(),
    "InceptionV3": Family(75),
    "Xception": Family(71),
    "MobileNet": Family(),
    "MobileNetV2": Family(),
    "MobileNetV3Small": Family(pixels=True),
    "DenseNet121": Family(),
    "NASNetMobile": Family(),
    "EfficientNetB0": Family(pixels=True),
    "EfficientNetV2B0": Family(pixels=True),
    "ConvNeXtTiny": Family(pixels=True),
}
QUICK = {"MobileNetV2": 32, "ResNet50": 32}


def images(name: str, side: int, count: int) -> np.ndarray:
    """Noise in the range that the family takes, coarse enough to last through the pooling."""
    rng = seeded(f"images of {name}")
    low, high = (0, 255) if FAMILIES[name].pixels else (-1, 1)
    coarse = rng.uniform(low, high, (count, 4, 4, 3))
    steps = np.arange(side) * 4 // side
    return coarse[:, steps][:, :, steps].astype(np.float32)


def layers_of(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield from layers_of(layer) if hasattr(layer, "layers") else (layer,)


def untrained(name: str, side: int) -> Any:
    """A family's model with random weights, and statistics of batch normalisation that belong to them.

    Without the latter, activations die away from layer to layer, and the output hardly depends on the input.
    """
    keras.utils.set_random_seed(5)
    build = getattr(keras.applications, name)
    model = build(weights=None, input_shape=(side, side, 3), classes=10, classifier_activation=None)
    rng = seeded(name)
    for layer in layers_of(model):
        for weight in layer.weights:
            if weight.name in ("gamma", "beta", "bias"):
                centre = 0.0 if weight.name != "gamma" else 1.0
                weight.assign(rng.normal(centre, 0.1, weight.shape).astype(np.float32))
            elif weight.name == "kernel" and name == "VGG16":  # which has no normalisation
                weight.assign(np.sqrt(2) * np.asarray(weight))
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images(name, side, 16), training=True)
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(1.2 * layer.moving_variance)  # else rounding grows from layer to layer
    return model


@lru_cache(maxsize=1)
def prepared(name: str, side: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """A model, samples, and Keras's outputs."""
    model, samples = untrained(name, side), images(name, side, 2)
    return model, samples, np.asarray(model(samples, training=False))


CASES = [
    *(
        pytest.param(name, side, source, id=f"{name}-{side}-{source}")
        for name, side in QUICK.items()
        for source in SOURCES
    ),
    *(
        pytest.param(name, family.side, source, id=f"{name}-{family.side}-{source}", marks=pytest.mark.slow)
        for name, family in FAMILIES.items()
        for source in SOURCES
    ),
]


@pytest.mark.parametrize("name, side, source", CASES)
def test_the_rate_network_equals_keras(name, side, source, tmp_path):
    model, samples, expected = prepared(name, side)
    assert np.abs(expected[0] - expected[1]).max() > 0.01 * value_range(expected)  # the input counts
    given, stages = model, spikeport.Stages()
    if source != "live":
        given = tmp_path / f"model{source}"
        model.save(given)
        stages = spikeport.Stages.without_spikes()  # what is fitted to spikes does not depend on the source
    network = spikeport.convert(given, samples, stages=stages)
    assert_equals_keras(network.run(samples, spiking=False).output, expected, TOLERANCE)


@pytest.mark.slow
def test_spikes_come_nearer_to_keras_as_the_steps_grow():
    name, side, count = "MobileNetV2", 32, 12
    model, samples = untrained(name, side), images(name, side, count)
    expected = np.asarray(model(samples, training=False))
    (output,) = spikeport.convert(model, samples).run(samples, 64).outputs_over_time.values()
    few, many = (correlation(output[:, steps - 1], expected) for steps in (16, 64))
    assert 0.5 < few < many
    assert many > 0.95


def correlation(actual: np.ndarray, expected: np.ndarray) -> float:
    """Pearson's, of what differs from sample to sample: most of an untrained output is the same for all of them."""
    ours, theirs = ((values - values.mean(axis=0)).ravel() for values in (actual, expected))
    return float(np.corrcoef(ours, theirs)[0, 1])
