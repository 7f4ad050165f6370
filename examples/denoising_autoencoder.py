"""The Nengo forum's denoising autoencoder: trained as a Keras model, converted, and fine-tuned with spikes.

Convolutions and same-padded max pooling down to 7 × 7, transposed convolutions back up to 28 × 28, a sigmoid at the
end; noise of 0.4 on MNIST. The table has the mean squared error at 30 steps: of the model, of the network as converted,
and after fine-tuning with spikes forward and the rates' gradient backward; then NengoDL's way, with a synapse of 10 ms
and firing rates scaled by 500. The thread has 0.007 for the model and 0.013 for its conversion.

Run it as ``python examples/denoising_autoencoder.py``. It wants MNIST in a folder ``mnist`` inside the one that
SPIKEPORT_DATA names (by default ``../shared/data``, seen from the repository). ``--quick`` takes scikit-learn's digits.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import keras
import nengo
import numpy as np
from keras import layers

import spikeport
from spikeport.demo.digits import digits_data
from spikeport.training.data import read_idx

STEPS, NOISE, SYNAPSE, SCALE = 30, 0.4, 0.010, 500


def autoencoder(shape: tuple[int, ...], filters: int = 32) -> keras.Model:
    """The network of the thread."""
    same = {"padding": "same", "activation": "relu"}
    image = keras.Input(shape, name="noisy")
    x = layers.Conv2D(filters, 3, **same)(image)
    x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Conv2D(filters, 3, **same)(x)
    x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Conv2DTranspose(filters, 3, strides=2, **same)(x)
    x = layers.Conv2DTranspose(filters, 3, strides=2, **same)(x)
    return keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="clean")(x))


def noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    """The images with noise, from 0 to 1."""
    noise = np.random.default_rng(seed).normal(0, NOISE, clean.shape)
    return np.clip(clean + noise, 0, 1).astype(np.float32)


def nengo_dl_error(model: keras.Model, x: np.ndarray, clean: np.ndarray) -> float:
    """The error at the last step of what NengoDL's Converter makes, with the thread's synapse and scale."""
    neurons = {keras.activations.relu: nengo.SpikingRectifiedLinear()}
    scales = {layer: SCALE for layer in model.layers if getattr(layer, "activation", None) is keras.activations.relu}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # max pooling is no object of Nengo's own: it runs as a function
        converter = spikeport.Converter(model, swap_activations=neurons, scale_firing_rates=scales, synapse=SYNAPSE)
    outputs = [converter.predict(x[i : i + 10], STEPS)["clean"][:, -1] for i in range(0, len(x), 10)]
    return float(np.mean((np.concatenate(outputs).reshape(clean.shape) - clean) ** 2))


def main() -> None:
    """Train, convert, fine-tune."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits and a smaller network")
    parser.add_argument("--epochs", type=int, default=10, help="of the model (default: 10)")
    parser.add_argument("--samples", type=int, default=20000, help="to train on (default: 20000)")
    parser.add_argument("--tuned", type=int, default=1000, help="to fine-tune on (default: 1000)")
    parser.add_argument("--tested", type=int, default=200, help="to score on (default: 200)")
    options = parser.parse_args()

    folder = Path(os.environ.get("SPIKEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "mnist"
    small = options.quick or not folder.is_dir()
    if small:
        (clean, _), (clean_test, _) = digits_data()
    else:
        files = (folder / f"{part}-images-idx3-ubyte.gz" for part in ("train", "t10k"))
        clean, clean_test = (read_idx(file)[..., None].astype(np.float32) / 255 for file in files)
    clean, clean_test = clean[: 500 if small else options.samples], clean_test[: 50 if small else options.tested]
    x, x_test = noisy(clean, 1), noisy(clean_test, 2)
    keras.utils.set_random_seed(0)
    model = autoencoder(clean.shape[1:], 4 if small else 32)
    epochs, tuned = (3, 200) if small else (options.epochs, options.tuned)
    rounds = epochs * -(-len(x) // 64)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, rounds)), "binary_crossentropy")
    started = time.perf_counter()

    def say(what: str, error: float) -> None:
        print(f"{what:55} {error:.5f}   {time.perf_counter() - started:5.0f} s", flush=True)

    model.fit(x, clean, batch_size=64, epochs=epochs, verbose=0)
    say("the Keras model", float(np.mean((model.predict(x_test, verbose=0) - clean_test) ** 2)))
    for neurons in ("graded", "binary"):
        net = spikeport.convert(model, x[:128], target_steps=STEPS, neurons=neurons)
        say(f"converted, {neurons} neurons", spikeport.evaluate(net, x_test, clean_test).mean_squared_error[-1])
    few = {"epochs": 1, "batch_size": 20, "learning_rate": 1e-4}
    for method in ("qcfs", "rate"):
        better = spikeport.finetune(net, x[:tuned], clean[:tuned], method=method, **few)
        say(f"fine-tuned, {method}", spikeport.evaluate(better, x_test, clean_test).mean_squared_error[-1])
    some = slice(0, 20 if small else 100)
    say(f"synapse {1000 * SYNAPSE:g} ms, rates × {SCALE}", nengo_dl_error(model, x_test[some], clean_test[some]))


if __name__ == "__main__":
    main()
