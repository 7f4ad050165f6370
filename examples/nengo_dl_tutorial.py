"""The tutorial "Converting a Keras model to a spiking neural network" of NengoDL, with spikeport's Converter.

A small convolutional network learns handwritten digits; then its ReLUs become spiking neurons, and the table shows what
the tutorial's knobs do: a synapse, and the scale of the firing rates. The last rows are `spikeport.convert`, which has
none of these knobs.

Run it as ``python examples/nengo_dl_tutorial.py``. It wants MNIST's four .gz files in a folder ``mnist`` inside the one
that SPIKEPORT_DATA names (by default ``../shared/data``, seen from the repository). ``--quick`` takes scikit-learn's
small digits instead, which need no download.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time
from pathlib import Path
from typing import Any

import keras
import nengo
import numpy as np
from keras import layers

import spikeport
from spikeport.demo.digits import digits_data

Data = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# steps, synapse in seconds, scale of the firing rates; and what the tutorial's page gives for it
SETTINGS = (
    (10, None, 1, "14.25"),
    (50, None, 1, "27.25"),
    (120, 0.001, 1, "26.25"),
    (120, 0.005, 1, "74.75"),
    (120, 0.010, 1, "79.25"),
    (30, 0.010, 2, "14.25"),
    (30, 0.010, 10, "96.25"),
    (30, 0.010, 20, "98.25"),
    (10, None, 1000, "98.25"),
)


def mnist_data(folder: Path) -> Data:
    """MNIST with pixels from 0 to 255, as the tutorial has it."""

    def read(name: str, header: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((folder / f"{name}.gz").read_bytes()), np.uint8, offset=header)

    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        images = read(f"{name}-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1).astype(np.float32)
        return images, read(f"{name}-labels-idx1-ubyte", 8).astype(np.int64)

    return part("train"), part("t10k")


def small_data() -> Data:
    """scikit-learn's digits, 8 × 8, with pixels from 0 to 255 as well."""
    (x_train, y_train), (x_test, y_test) = digits_data()
    return (255 * x_train, y_train), (255 * x_test, y_test)


def trained_network(x: np.ndarray, y: np.ndarray, epochs: int) -> keras.Model:
    """The tutorial's network, trained as there."""
    image = keras.Input(x.shape[1:], name="image")
    hidden = layers.Conv2D(32, 3, activation="relu", name="conv0")(image)
    hidden = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(hidden)
    model = keras.Model(image, layers.Dense(10, name="digit")(layers.Flatten()(hidden)), name="tutorial")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(0.001), loss)
    model.fit(x, y, batch_size=200, epochs=epochs, verbose=0)
    return model


def row(steps: Any, synapse: Any, scale: Any, right: float, page: str) -> None:
    """One line of the table."""
    print(f"{steps:>5} {synapse:>8} {scale:>6} {right:>8.2f} {page:>9}")


def main() -> None:
    """Train, then convert with each setting and count the right answers of the last step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits and fewer test images")
    options = parser.parse_args()

    started = time.perf_counter()
    keras.utils.set_random_seed(0)
    folder = Path(os.environ.get("SPIKEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "mnist"
    quick = options.quick or not folder.is_dir()
    (x_train, y_train), (x_test, y_test) = small_data() if quick else mnist_data(folder)
    count = 100 if options.quick else 400
    x_test, y_test = x_test[:count], y_test[:count]
    model = trained_network(x_train, y_train, epochs=20 if quick else 2)

    def right(outputs: np.ndarray) -> float:
        return 100 * float((outputs.argmax(axis=-1) == y_test).mean())

    print(f"{'scikit-learn digits' if quick else 'MNIST'}, {len(x_test)} test images, last step")
    print(f"{'steps':>5} {'synapse':>8} {'scale':>6} {'right %':>8} {'tutorial':>9}")
    rates = spikeport.Converter(model)
    rates.verify()
    row("rates", "", "", right(rates.predict(x_test, 1)["digit"][:, -1]), "98.25")
    for steps, synapse, scale, page in SETTINGS:
        spiking = spikeport.Converter(
            model,
            swap_activations={keras.activations.relu: nengo.SpikingRectifiedLinear()},
            scale_firing_rates=scale,
            synapse=synapse,
        )
        found = spiking.predict(x_test, steps)["digit"]
        row(steps, "" if synapse is None else f"{1000 * synapse:g} ms", scale, right(found[:, -1]), page)

    print("spikeport.convert, thresholds from 256 training images:")
    net = spikeport.convert(model, calibration=x_train[:256])
    for steps in (4, 8, 16):
        row(steps, "", "", right(net.run(x_test, steps).output), "")

    active = spiking.predict(x_test[:20], 10, record=["conv0", "conv1"])
    for name in ("conv0", "conv1"):
        print(f"{name}: {active[name].mean():.1f} Hz on average at scale 1")
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
