"""Convert a model with a layer of your own: register a handler that says what the layer computes.

Run it as ``python examples/own_layer.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import keras
import numpy as np

import spikeport
from spikeport.converter.ops import Op, ScaleShift


class ChannelGain(keras.layers.Layer):
    """Multiply each channel by a trained gain."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make one gain for each channel."""
        self.gain = self.add_weight(name="gain", shape=(input_shape[-1],), initializer="ones")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Multiply."""
        return x * self.gain


layers = spikeport.LAYERS.child()  # all that spikeport knows, and then yours


@layers.register("ChannelGain")
def channel_gain(call: spikeport.LayerCall) -> Sequence[Op]:
    """Become a scale for each channel."""
    gain = call.weights["gain"]
    return [ScaleShift(scale=gain, shift=np.zeros_like(gain))]


def main() -> None:
    """Convert a model with the layer, without and with its handler."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="accepted for symmetry; this is quick anyway")
    parser.parse_args()

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, name="dense"),
            ChannelGain(name="gain"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dense(3, name="out"),
        ]
    )
    model.layers[1].set_weights([np.linspace(0.5, 2, 8)])
    x = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)

    try:
        spikeport.convert(model, calibration=x)
    except spikeport.ConversionError as error:
        print(f"without a handler: {error}")

    net = spikeport.convert(model, calibration=x, layers=layers)
    print(net.report)
    difference = np.abs(net.run(x, spiking=False).output - np.asarray(model(x))).max()
    print(f"largest difference from Keras: {difference:.1e}")


if __name__ == "__main__":
    main()
