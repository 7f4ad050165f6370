"""The Nengo forum's denoising autoencoder: trained as a Keras model, converted, and fine-tuned with spikes.

Convolutions and same-padded max pooling down to 7 × 7, transposed convolutions back up to 28 × 28, a sigmoid at the
end; noise of 0.4 on MNIST. The table has the mean squared error at 30 steps: of the model, of the network as converted,
and after fine-tuning; then NengoDL's way, at the last step, with a synapse of 10 ms and firing rates scaled by 500. The
thread has 0.007 for the model and 0.013 for its conversion.

NengoDL has no converter for transposed convolutions: it runs them as tensor nodes, without spikes and filters, so two
layers of neurons and two filters stand before the sigmoid, and the thread's figure fits that. With all four layers as
neurons the fourth filter has not settled after three of its time constants; the last line has that.

``--model FILE`` keeps the trained model, and a later run trains it further, towards mean squares: the model of the
figures took two runs. ``--epochs 0`` leaves it as it is.

Run it as ``python examples/denoising_autoencoder.py``. It wants MNIST in a folder ``mnist`` inside the one that
SPIKEPORT_DATA names (by default ``../shared/data``, seen from the repository). ``--quick`` takes scikit-learn's digits.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import Any, ClassVar

import keras
import nengo
import numpy as np
from keras import layers

import spikeport
from spikeport.demo.digits import digits_data
from spikeport.training.data import read_idx

STEPS, NOISE, SYNAPSE, SCALE, BATCH = 30, 0.4, 0.010, 500, 64


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


class AsNengoDL(spikeport.Converter):
    """A Converter that has native forms of no more layers of this model than NengoDL's has."""

    converters: ClassVar[dict[type, type[spikeport.LayerConverter]]] = {}


@AsNengoDL.register(layers.Conv2DTranspose)
class TransposedAsTensorNode(spikeport.LayerConverter):
    """Leaves transposed convolutions, with their activation, to tensor nodes."""

    @classmethod
    def convertible(cls, layer: Any, converter: spikeport.Converter) -> tuple[bool, str]:
        """Say no."""
        return False, f"{layer.name}: NengoDL has no converter for Conv2DTranspose"


def error_as_nengo(converter: type[spikeport.Converter], model: keras.Model, x: np.ndarray, clean: np.ndarray) -> float:
    """The error at the last step with the thread's synapse and scale; membranes start at zero, as in Nengo 3.0."""
    spiking = nengo.SpikingRectifiedLinear(initial_state={"voltage": nengo.dists.Choice([0])})
    options = {"swap_activations": {keras.activations.relu: spiking}, "scale_firing_rates": SCALE, "synapse": SYNAPSE}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tensor nodes, and of the sigmoid, which has no amplitude to scale
        made = converter(model, **options)
        outputs = [made.predict(x[i : i + 10], STEPS)["clean"][:, -1] for i in range(0, len(x), 10)]
    return float(np.mean((np.concatenate(outputs).reshape(clean.shape) - clean) ** 2))


def trained(file: Path | None, x: np.ndarray, clean: np.ndarray, filters: int, epochs: int) -> keras.Model:
    """The model of a file, or a new one, trained and kept in the file.

    Mean squares come second: from nothing they may end in black images.
    """
    keras.utils.set_random_seed(0)
    kept = file is not None and file.exists()
    model = keras.saving.load_model(file, compile=False) if kept else autoencoder(x.shape[1:], filters)
    if epochs:
        rate, loss = (2e-3, "mean_squared_error") if kept else (3e-3, "binary_crossentropy")
        falling = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(x) // BATCH))
        model.compile(keras.optimizers.Adam(falling), loss)
        model.fit(x, clean, batch_size=BATCH, epochs=epochs, verbose=0)
        if file is not None:
            model.save(file)
    return model


def main() -> None:
    """Train, convert, fine-tune."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits and a smaller network")
    parser.add_argument("--epochs", type=int, default=12, help="of the model (default: 12)")
    parser.add_argument("--samples", type=int, default=60000, help="to train on (default: 60000)")
    parser.add_argument("--tuned", type=int, default=2000, help="to fine-tune on (default: 2000)")
    parser.add_argument("--tested", type=int, default=200, help="to score on (default: 200)")
    parser.add_argument("--model", type=Path, metavar="FILE.keras", help="where the model is kept; trained further")
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
    epochs, tuned, steps = (3, 40, 6) if small else (options.epochs, options.tuned, STEPS)
    started = time.perf_counter()

    def say(what: str, error: float) -> None:
        print(f"{what:60} {error:.5f}   {time.perf_counter() - started:5.0f} s", flush=True)

    model = trained(options.model, x, clean, 4 if small else 32, epochs)
    say("the Keras model", float(np.mean((model.predict(x_test, verbose=0) - clean_test) ** 2)))
    few = {"epochs": 1, "batch_size": 20, "learning_rate": 1e-4}
    for neurons in ("graded", "binary"):
        net = spikeport.convert(model, x[:128], target_steps=steps, neurons=neurons)
        say(f"{neurons} neurons, converted", spikeport.evaluate(net, x_test, clean_test).mean_squared_error[-1])
        for method in ("qcfs", "rate"):
            better = spikeport.finetune(net, x[:tuned], clean[:tuned], method=method, **few)
            error = spikeport.evaluate(better, x_test, clean_test).mean_squared_error[-1]
            say(f"{neurons} neurons, fine-tuned, {method}", error)
    some = slice(0, 20 if small else 100)
    for which, converter in (("as NengoDL converts it", AsNengoDL), ("all layers as neurons", spikeport.Converter)):
        error = error_as_nengo(converter, model, x_test[some], clean_test[some])
        say(f"synapse {1000 * SYNAPSE:g} ms, rates × {SCALE}, {which}", error)


if __name__ == "__main__":
    main()
