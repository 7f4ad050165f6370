"""The network of snnTorch's tutorial 6, "Surrogate gradient descent in a convolutional SNN", in Keras.

12C5-MP2-64C5-MP2-10FC with leaky neurons (β = 0.5, fast sigmoid of slope 25), 50 steps of a constant image, cross
entropy of the spikes, Adam at 0.01, batches of 128. After 50, 100 and 150 iterations the page has 91.98, 94.90
and 95.70 % test accuracy. The trained network is then converted, and sends the same spikes on the cpu backend.

Run it as ``python examples/snntorch_tutorial_6.py``; ``--seeds 3`` gives the median of three trainings. It wants MNIST
in a folder ``mnist`` inside the one that SPIKEPORT_DATA names (by default ``../shared/data``, seen from the
repository). ``--quick`` takes scikit-learn's small digits and a smaller network. ``--plot FOLDER`` draws spikes,
membranes and counts.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

import spikeport
from spikeport import training
from spikeport.demo.digits import digits_data

STEPS, BATCH, ITERATIONS, EVERY = 50, 128, 150, 50
PAGE = {50: 91.98, 100: 94.90, 150: 95.70}


def as_torch(fan_in: int) -> dict[str, keras.initializers.Initializer]:
    """Initial weights and biases as torch draws them, for a layer in which each output has so many inputs."""
    bound = 1 / np.sqrt(fan_in)
    uniform = keras.initializers.RandomUniform
    return {"kernel_initializer": uniform(-bound, bound), "bias_initializer": uniform(-bound, bound)}


def network(shape: tuple[int, ...], steps: int, sizes: tuple[int, int], filters: tuple[int, int]) -> keras.Model:
    """The tutorial's network; what does not change over the steps is computed once.

    Inside, the steps come first: the values of one step then lie side by side, which takes 5 % off an iteration.
    """
    neurons = {"beta": 0.5, "surrogate": "fast_sigmoid", "slope": 25.0, "time_major": True}
    image = keras.Input(shape)
    x = layers.MaxPooling2D(2)(layers.Conv2D(filters[0], sizes[0], **as_torch(sizes[0] ** 2 * shape[-1]))(image))
    x = training.Leaky(**neurons, name="first")(training.RepeatOverTime(steps, time_major=True)(x))
    x = training.EachStep(layers.Conv2D(filters[1], sizes[1], **as_torch(sizes[1] ** 2 * filters[0])))(x)
    x = training.Leaky(**neurons, name="second")(training.EachStep(layers.MaxPooling2D(2))(x))
    x = training.EachStep(layers.Flatten())(x)
    x = layers.Dense(10, **as_torch(x.shape[-1]))(x)
    return keras.Model(image, training.SwapBatchAndTime()(training.Leaky(**neurons, name="classes")(x)))


def batches(count: int, size: int, seed: int) -> Iterator[np.ndarray]:
    """The places of the samples of each batch, in an order that is drawn anew each time through."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        yield from (np.sort(order[i : i + size]) for i in range(0, count - size + 1, size))


def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """The share of samples whose class fires most often, in per cent."""
    right = 0
    for start in range(0, len(x), 500):
        spikes = model.predict_on_batch(x[start : start + 500])
        right += int((spikes.sum(axis=1).argmax(axis=-1) == y[start : start + 500]).sum())
    return 100 * right / len(x)


def trained(
    model: keras.Model, x: np.ndarray, y: np.ndarray, iterations: int, seed: int
) -> Iterator[tuple[int, float, float]]:
    """Train; yield the iteration, the loss and the seconds of each."""
    model.compile(keras.optimizers.Adam(1e-2), training.MembraneCrossEntropy())
    for iteration, places in zip(range(1, iterations + 1), batches(len(x), min(BATCH, len(x)), seed)):
        started = time.perf_counter()
        loss = float(model.train_on_batch(x[places], y[places]))
        yield iteration, loss, time.perf_counter() - started


def mnist(folder: Path) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """MNIST with pixels from 0 to 1."""
    parts = []
    for part in ("train", "t10k"):
        images = training.data.read_idx(folder / f"{part}-images-idx3-ubyte.gz")
        labels = training.data.read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
        parts.append((images[..., None].astype(np.float32) / 255, labels.astype(np.int64)))
    return parts[0], parts[1]


def same_spikes(model: keras.Model, x: np.ndarray) -> float:
    """The share of the classes' spikes that the converted network sends as Keras does, in per cent."""
    net = spikeport.convert(model)
    (last,) = (node.name for node in net.graph.nodes.values() if "classes" in node.layers)
    sent = net.run(x, record=[last]).events[last]
    return 100 * float(np.mean(sent == model.predict_on_batch(x)))


def draw(model: keras.Model, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    """Spikes of a layer, membranes and counts of the classes, for one image."""
    from spikeport import plots

    folder.mkdir(parents=True, exist_ok=True)
    inside = keras.Model(model.input, [model.get_layer(name).output for name in ("second", "classes")])
    second, classes = (ops.convert_to_numpy(s)[:, 0] for s in inside(x[:1]))
    plots.raster(second, name="second").figure.savefig(folder / "raster.png")
    plots.spike_counts(classes, name=f"digit {y[0]}").figure.savefig(folder / "counts.png")
    currents = ops.convert_to_numpy(keras.Model(model.input, model.get_layer("classes").input)(x[:1]))
    voltages = training.membrane(model.get_layer("classes"), currents)[:, 0]
    plots.membrane(voltages, classes, name="classes").figure.savefig(folder / "membrane.png")
    plots.spike_count_animation(classes).save(folder / "counts.gif", writer="pillow")


def main() -> None:
    """Train, and score every 50 iterations."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits and a smaller network")
    parser.add_argument("--seeds", type=int, default=1, help="trainings; the last line has the median")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="of a training (default: 150)")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw what the network does with one image")
    options = parser.parse_args()

    folder = Path(os.environ.get("SPIKEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "mnist"
    small = options.quick or not folder.is_dir()
    (x, y), (x_test, y_test) = digits_data() if small else mnist(folder)
    steps, sizes, filters = (20, (3, 2), (16, 32)) if small else (STEPS, (5, 5), (12, 64))
    iterations = 60 if small else options.iterations
    final = []
    for seed in range(options.seeds):
        keras.utils.set_random_seed(seed)
        model = network(x.shape[1:], steps, sizes, filters)
        seconds = []
        for iteration, loss, took in trained(model, x, y, iterations, seed):
            seconds.append(took)
            if iteration % EVERY == 0 or iteration == iterations:
                right = accuracy(model, x_test, y_test)
                page = f" (page: {PAGE[iteration]})" if iteration in PAGE and not small else ""
                print(
                    f"seed {seed}, iteration {iteration}: loss {loss:.3f}, test accuracy {right:.2f} %{page}",
                    flush=True,
                )
        final.append(right)
        print(f"seed {seed}: {np.median(seconds):.2f} s an iteration")
        share = same_spikes(model, x_test[:20])
        print(f"seed {seed}: converted, {share:.2f} % of the classes' steps are as in Keras, on the cpu backend")
        if options.plot:
            draw(model, x_test, y_test, options.plot)
    print(f"median test accuracy {np.median(final):.2f} %")


if __name__ == "__main__":
    main()
