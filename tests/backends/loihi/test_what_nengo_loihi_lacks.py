"""What nengo-loihi fails on, case by case: each works here, or is refused before anything is built, in one sentence."""

from __future__ import annotations

import importlib.util
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import spikeport
from spikeport.errors import BackendError, ConversionError, SpikeportError, UsageError

pytestmark = [
    pytest.mark.loihi,
    pytest.mark.skipif(importlib.util.find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed"),
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
]


def model(shape: tuple[int, ...], *between: Any) -> keras.Model:
    """Layers between an input and a Dense read-out."""
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    values = image
    for layer in between:
        values = layer(values)
    flat = layers.Flatten()(values) if len(values.shape) > 2 else values
    return keras.Model(image, layers.Dense(3, name="scores")(flat))


def conv(filters: int, size: int = 3, **options: Any) -> Any:
    return layers.Conv2D(filters, size, activation="relu", **options)


WORKS = {
    "a convolution of real values": lambda: model((7, 6, 2), conv(4)),
    "convolutions in one dimension": lambda: model(
        (15, 2), layers.Conv1D(4, 3, activation="relu"), layers.Conv1D(5, 3, strides=2, activation="relu")
    ),
    "convolutions in three dimensions": lambda: model(
        (4, 5, 6, 1), layers.Conv3D(3, 2, activation="relu"), layers.Conv3D(4, 2, activation="relu")
    ),
    "grouped convolutions": lambda: model((7, 6, 2), conv(4), conv(6, groups=2)),
    "depthwise convolutions": lambda: model(
        (7, 6, 2), conv(4), layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")
    ),
    "dilated convolutions": lambda: model((9, 9, 1), conv(3), conv(4, dilation_rate=2)),
    "sparse weights on real values": lambda: model((8, 8, 1), layers.AveragePooling2D(2), conv(3, 2)),
    "weights one by one between neurons": lambda: model(
        (6, 5, 1), conv(2, 2), layers.Permute((2, 1, 3)), layers.AveragePooling2D(3, strides=2, padding="same"),
        conv(3, 2),
    ),
    "a threshold for each channel of a convolution": lambda: model(
        (7, 6, 2), conv(4), conv(5, kernel_initializer="ones")
    ),
    "pooling between convolutions": lambda: model((10, 10, 1), conv(3), layers.AveragePooling2D(2), conv(4, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKS)
def test_works(name: str) -> None:
    made = WORKS[name]()
    x = np.random.default_rng(0).random((6, *made.input_shape[1:])).astype(np.float32)
    net = spikeport.convert(made, calibration=x, target="loihi")
    expected = np.asarray(made(x))
    found = net.run(x, 64, backend="loihi", calibration=x).output
    assert np.sqrt(np.mean((found - expected) ** 2) / expected.var()) < 0.35


def refuse_preset(preset: str) -> None:
    spikeport.convert(model((8,), layers.Dense(5, activation="relu")), neurons=preset, target="loihi")


def refuse_model(made: keras.Model) -> None:
    net = spikeport.convert(made, target="loihi")
    net.run(np.ones((1, *made.input_shape[1:]), np.float32), 4, backend="loihi")


def refuse_option(**options: Any) -> None:
    x = np.ones((2, 8), np.float32)
    net = spikeport.convert(model((8,), layers.Dense(5, activation="relu")), calibration=x, target="loihi")
    net.run(x, 4, backend="loihi", **options)


OWN = "the chip has an integrate-and-fire neuron of its own"
REFUSED = {
    "adaptive neurons": (lambda: refuse_preset("adaptive-lif"), OWN),
    "time constants of the membrane": (lambda: refuse_preset("lif"), OWN),
    "random neurons": (lambda: refuse_preset("poisson"), OWN),
    "sigmoids between neurons": (
        lambda: refuse_model(
            model((8,), layers.Dense(6, activation="relu"), layers.Dense(5, activation="sigmoid"),
                  layers.Dense(4, activation="relu"))
        ),
        "sigmoid has no counterpart between neurons of the chip, which compute ReLU",
    ),
    "nothing that spikes": (
        lambda: refuse_model(model((8,), layers.Dense(5, activation="tanh"))),
        "the network has no ReLU layer, so the chip would have nothing to do",
    ),
    "another synapse": (lambda: refuse_option(synapse=0.005), "takes the options .* received synapse"),
    "probes now and then": (lambda: refuse_option(sample_every=0.01), "takes the options .* received sample_every"),
    "dense layers of too many inputs": (
        lambda: refuse_model(
            model((5000,), layers.Dense(4999, activation="relu", kernel_initializer="zeros"),
                  layers.Dense(4, activation="relu"))
        ),
        "needs 5,0.. input axons on one core, which holds 4,096",
    ),
    "convolutions larger than a chip": (
        lambda: refuse_model(
            model((12, 24, 24, 3), layers.Conv3D(16, 3, activation="relu"), layers.Conv3D(32, 3, activation="relu"))
        ),
        "a convolution in 3 dimensions: the chip repeats a kernel over rows and columns only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_before_anything_is_built(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeport.backends.loihi import simulation

    monkeypatch.delattr(simulation, "build_network")
    attempt, why = REFUSED[name]
    with pytest.raises(SpikeportError, match=why) as caught:
        attempt()
    assert isinstance(caught.value, (BackendError, ConversionError, UsageError))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_cores_are_no_more_than_nengo_loihis_examples_take() -> None:
    """The networks of keras-to-loihi (14 cores by hand) and of cifar10-convnet (90), with random weights."""
    digits = model((28, 28, 1), conv(3, 1), conv(32, strides=2), conv(64, strides=2), layers.Flatten(),
                   layers.Dense(100, activation="relu"))  # fmt: skip
    pictures = model((32, 32, 3), conv(4, 1), conv(64, strides=2), conv(72), conv(256, strides=2), conv(256, 1),
                     conv(64, 1), layers.Flatten(), layers.Dense(100, activation="relu"))  # fmt: skip
    for made, most in ((digits, 14), (pictures, 90)):
        x = np.random.default_rng(0).random((8, *made.input_shape[1:])).astype(np.float32)
        net = spikeport.convert(made, calibration=x, target="loihi")
        assert net.deploy("loihi", calibration=x).facts["cores"] <= most
