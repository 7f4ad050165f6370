"""The end of NengoDL's tutorial: train towards firing rates of 250 Hz, then convert without any knob.

The tutorial's network learns MNIST with a regulariser on the activities of its two convolutions, which are firing rates
in Hz. Then the ReLUs become spiking neurons as they are, with a synapse of 10 ms and no scale; right answers are at
the last of 30 steps on the first 400 test images: 98.25 % on the tutorial's page. Beside it stands the same with the
99th percentile of each neuron's rates over the batch kept between 200 and 400 Hz. Ten epochs, as in the tutorial; the
learning rate falls to zero, since the regulariser's part of the gradient is the larger by far and never settles.

Run it as ``python examples/rate_regularisation.py``. It wants MNIST in a folder ``mnist`` inside the one that
SPIKEPORT_DATA names (by default ``../shared/data``, seen from the repository). ``--quick`` takes scikit-learn's digits.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path
from typing import Any

import keras
import nengo
import numpy as np
from keras import layers

import spikeport
from spikeport import training
from spikeport.demo.digits import digits_data
from spikeport.training.data import read_idx

STEPS, SYNAPSE, BATCH = 30, 0.010, 200
REGULARISERS = {
    "none": lambda neurons: None,
    "L2 towards 250 Hz": lambda neurons: training.L2(1e-3 / neurons, target=250.0),
    "99th percentile in 200 – 400 Hz": lambda neurons: training.Percentile(
        99.0, axis=0, target=(200.0, 400.0), l1=0.1 / neurons
    ),
}


def trained(x: np.ndarray, y: np.ndarray, epochs: int, regulariser: Any) -> keras.Model:
    """The tutorial's network with a regulariser, made for so many neurons, on both convolutions."""
    keras.utils.set_random_seed(0)
    image = keras.Input(x.shape[1:], name="image")
    hidden = image
    for name, filters, strides in (("conv0", 32, 1), ("conv1", 64, 2)):
        size = (hidden.shape[1] - 3) // strides + 1
        options = {"strides": strides, "activation": "relu", "name": name}
        hidden = layers.Conv2D(filters, 3, **options, activity_regularizer=regulariser(size**2 * filters))(hidden)
    model = keras.Model(image, layers.Dense(10, name="digit")(layers.Flatten()(hidden)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    falling = keras.optimizers.schedules.CosineDecay(0.001, epochs * -(-len(x) // BATCH))
    model.compile(keras.optimizers.RMSprop(falling), loss)
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def spiking(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The outputs at the last step, neurons as they are."""
    neurons = {keras.activations.relu: nengo.SpikingRectifiedLinear(initial_state={"voltage": nengo.dists.Choice([0])})}
    converter = spikeport.Converter(model, swap_activations=neurons, synapse=SYNAPSE)
    return np.concatenate([converter.predict(x[i : i + 20], STEPS)["digit"][:, -1] for i in range(0, len(x), 20)])


def main() -> None:
    """Train with each regulariser, convert, and count right answers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits and fewer images")
    parser.add_argument("--epochs", type=int, default=10, help="of each training (default: 10)")
    parser.add_argument("--images", type=int, default=400, help="of the test set (default: 400)")
    options = parser.parse_args()
    folder = Path(os.environ.get("SPIKEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "mnist"
    small = options.quick or not folder.is_dir()
    if small:
        (x, y), (x_test, y_test) = digits_data()
        x, x_test = 255 * x, 255 * x_test
    else:
        files = {kind: [folder / f"{part}-{kind}" for part in ("train", "t10k")] for kind in ("images", "labels")}
        x, x_test = (read_idx(f"{f}-idx3-ubyte.gz")[..., None].astype(np.float32) for f in files["images"])
        y, y_test = (read_idx(f"{f}-idx1-ubyte.gz").astype(np.int64) for f in files["labels"])
    x_test, y_test = x_test[: 60 if small else options.images], y_test[: 60 if small else options.images]
    print(f"{'regulariser':35} {'rates':>8} {'spiking':>8}   mean and 99th percentile of the rates in Hz")
    for name, regulariser in REGULARISERS.items():
        started = time.perf_counter()
        model = trained(x, y, 8 if small else options.epochs, regulariser)
        right = [
            100 * float(np.mean(outputs.argmax(axis=-1) == y_test))
            for outputs in (model.predict(x_test, verbose=0), spiking(model, x_test))
        ]
        inside = keras.Model(model.input, [model.get_layer(layer).output for layer in ("conv0", "conv1")])
        rates = [np.asarray(r).ravel() for r in inside.predict(x_test[:100], verbose=0)]
        told = ", ".join(f"{r.mean():.0f} {np.percentile(r, 99):.0f}" for r in rates)
        seconds = math.ceil(time.perf_counter() - started)
        print(f"{name:35} {right[0]:6.2f} % {right[1]:6.2f} %   {told}   ({seconds} s)", flush=True)


if __name__ == "__main__":
    main()
