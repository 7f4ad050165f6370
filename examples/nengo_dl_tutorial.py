"""The tutorial "Converting a Keras model to a spiking neural network" of NengoDL, with spikeport's Converter.

A small convolutional network learns handwritten digits; then its ReLUs become spiking neurons, and the table shows what
the tutorial's knobs do: a synapse, and the scale of the firing rates. The last rows are `spikeport.convert`, which has
none of these knobs.

Run it as ``python examples/nengo_dl_tutorial.py``; ``--trainings 3`` gives medians over three trained networks. It
wants MNIST's four .gz files in a folder ``mnist`` inside the one that SPIKEPORT_DATA names (by default
``../shared/data``, seen from the repository). ``--quick`` takes scikit-learn's small digits instead, which need no
download. ``--plot FOLDER`` draws the tutorial's pictures.

The figures of the tutorial's page fit Nengo 3.0, in which every membrane starts at zero; since Nengo 3.1 each starts at
random between zero and the threshold. ``--voltage random`` shows what that changes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import nengo
import numpy as np
from keras import layers

import spikeport
from spikeport.demo.digits import digits_data

Data = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Setting(NamedTuple):
    """One conversion of the tutorial, what its page gives, and the range (%) that reproduces the table's shape."""

    steps: int
    synapse: float | None  # in seconds
    scale: int  # of the firing rates
    page: float
    band: tuple[int, int] | None = None


SETTINGS = (
    Setting(10, None, 1, 14.25, (0, 25)),
    Setting(50, None, 1, 27.25),
    Setting(120, 0.001, 1, 26.25),
    Setting(120, 0.005, 1, 74.75),
    Setting(120, 0.010, 1, 79.25, (70, 85)),
    Setting(30, 0.010, 2, 14.25, (0, 25)),
    Setting(30, 0.010, 10, 96.25, (94, 100)),
    Setting(30, 0.010, 20, 98.25, (97, 100)),
    Setting(10, None, 1000, 98.25, (97, 100)),
)
LOSSES = {4: 0.3, 8: 0.1, 16: 0.1}  # steps of spikeport.convert → the points that it may lose
VOLTAGES = {"zero": {"voltage": nengo.dists.Choice([0])}, "random": None}
LAYERS = ("conv0", "conv1")


class Row(NamedTuple):
    """What one conversion did: right answers or points lost (%), spikes and events for an image."""

    percent: float
    spikes: float = np.nan
    events: float = np.nan  # an event may carry several spikes of one step


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


def trained_network(x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> keras.Model:
    """The tutorial's network, trained as there."""
    keras.utils.set_random_seed(seed)
    image = keras.Input(x.shape[1:], name="image")
    hidden = layers.Conv2D(32, 3, activation="relu", name="conv0")(image)
    hidden = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(hidden)
    model = keras.Model(image, layers.Dense(10, name="digit")(layers.Flatten()(hidden)), name="tutorial")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(0.001), loss)
    model.fit(x, y, batch_size=200, epochs=epochs, verbose=0)
    return model


def percent_right(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of right answers in per cent."""
    return 100 * float(np.mean(outputs.argmax(axis=-1) == labels))


def converted(model: keras.Model, setting: Setting, voltage: str) -> spikeport.Converter:
    """The network with spiking neurons, as the tutorial converts it."""
    neurons = nengo.SpikingRectifiedLinear(initial_state=VOLTAGES[voltage])
    return spikeport.Converter(
        model,
        swap_activations={keras.activations.relu: neurons},
        scale_firing_rates=setting.scale,
        synapse=setting.synapse,
    )


def as_spikes(values: np.ndarray, setting: Setting) -> np.ndarray:
    """What neurons put out at a step, as a number of spikes: one spike has the height 1 / (scale · dt)."""
    return np.rint(values * setting.scale * 0.001).astype(np.int16)


def tutorial_row(
    model: keras.Model, setting: Setting, x: np.ndarray, y: np.ndarray, voltage: str, counted: int | None = None
) -> Row:
    """Right answers at the last step; for the first images (or all) the spikes and events of both layers as well."""
    counted = len(x) if counted is None else min(counted, len(x))
    converter = converted(model, setting, voltage)
    outputs, spikes, events = [], 0, 0
    for start in range(0, len(x), 20):  # the records of all images would not fit into memory
        found = converter.predict(x[start : start + 20], setting.steps, record=LAYERS if start < counted else ())
        outputs.append(found["digit"][:, -1])
        for name in LAYERS if start < counted else ():
            values = found[name][: counted - start]
            spikes += int(as_spikes(values, setting).sum())
            events += np.count_nonzero(values)
    return Row(percent_right(np.concatenate(outputs), y), spikes / counted, events / counted)


def converted_row(model: keras.Model, calibration: np.ndarray, x: np.ndarray, y: np.ndarray, steps: int) -> Row:
    """The points that `spikeport.convert` loses, and its spikes and events for an image."""
    net = spikeport.convert(model, calibration=calibration, target_steps=steps)
    score = spikeport.evaluate(net, x, y, n_steps=steps)
    some = net.run(x[:200], steps, record=populations(net)).events.values()  # an event of size n is n spikes
    share = sum(int(np.abs(each).sum(dtype=np.int64)) for each in some) / sum(map(np.count_nonzero, some))
    lost = 100 * (score.keras_accuracy - score.accuracy[-1])
    return Row(lost, share * score.spikes_per_sample, score.spikes_per_sample)


def populations(net: spikeport.SpikingNetwork) -> list[str]:
    """The names of a network's populations."""
    return [node.name for node in net.graph.nodes.values() if node.op.kind == "Neurons"]


def draw(model: keras.Model, calibration: np.ndarray, image: np.ndarray, folder: Path, voltage: str) -> None:
    """The tutorial's pictures of one image: the image, the activity of conv0, and the output over time."""
    folder.mkdir(parents=True, exist_ok=True)
    for setting in SETTINGS:
        found = converted(model, setting, voltage).predict(image[None], setting.steps, record=["conv0"])
        synapse = f"{1000 * (setting.synapse or 0):g}ms"
        name = f"{setting.steps}_steps_{synapse}_scale_{setting.scale}.png"
        picture(folder / name, image, as_spikes(found["conv0"][0], setting), found["digit"][0])
    rates = spikeport.Converter(model).predict(image[None], 10, record=["conv0"])
    picture(folder / "rates.png", image, rates["conv0"][0], rates["digit"][0], spikes=False)
    net = spikeport.convert(model, calibration=calibration, target_steps=8)
    first = populations(net)[0]
    result = net.run(image[None], 8, record=[first])
    outputs = next(iter(result.outputs_over_time.values()))
    picture(folder / "spikeport_convert_8_steps.png", image, result.events[first][0], outputs[0])
    spikeport.plots.raster(result.events[first][0], name="conv0").figure.savefig(folder / "spikeport_raster.png")


def picture(path: Path, image: np.ndarray, values: np.ndarray, outputs: np.ndarray, spikes: bool = True) -> None:
    """One picture in three parts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.imshow(image[..., 0], cmap="gray")
    left.set_axis_off()
    spikeport.plots.activity(values, spikes=spikes, name="conv0", ax=middle)
    spikeport.plots.output_over_time(outputs, softmax=True, ax=right)
    figure.savefig(path)


def line(steps: Any, synapse: Any, scale: Any, rows: list[Row], page: str = "", verdict: str = "") -> None:
    """One line of the table: medians over the trainings, and the range of the first figure."""
    percents = [row.percent for row in rows]
    middle, spikes, events = np.median(np.array(rows), axis=0)
    spread = f"{min(percents):.2f} – {max(percents):.2f}" if len(rows) > 1 else ""
    counts = "" if np.isnan(spikes) else f"{spikes:10,.0f} {events:9,.0f}"
    print(f"{steps:>5} {synapse:>7} {scale:>5} {middle:7.2f} {spread:>15} {counts:>20} {page:>6} {verdict}", flush=True)


def main() -> None:
    """Train, then convert with each setting and count the right answers of the last step, and the spikes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits and fewer test images")
    parser.add_argument("--trainings", type=int, default=1, help="networks to train; the table has their medians")
    parser.add_argument("--voltage", choices=VOLTAGES, default="zero", help="where the Converter's membranes start")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw the pictures of the first test image")
    options = parser.parse_args()

    started = time.perf_counter()
    folder = Path(os.environ.get("SPIKEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "mnist"
    small = options.quick or not folder.is_dir()
    (x_train, y_train), (x_all, y_all) = small_data() if small else mnist_data(folder)
    count = 100 if options.quick else 400
    x, y = x_all[:count], y_all[:count]
    seeds = range(max(1, options.trainings))
    models = [trained_network(x_train, y_train, 20 if small else 2, seed) for seed in seeds]

    print(f"{'scikit-learn digits' if small else 'MNIST'}, {len(x)} test images, right answers of the last step in %")
    names = f"{'steps':>5} {'synapse':>7} {'scale':>5} {'right':>7} {'from – to':>15} {'spikes':>10} {'events':>9}"
    print(f"{names} {'page':>6} wanted")
    right = []
    for model in models:
        rates = spikeport.Converter(model)
        rates.verify()
        right.append(Row(percent_right(rates.predict(x, 1)["digit"][:, -1], y)))
    line("rates", "", "", right, "98.25")
    for setting in SETTINGS:
        rows = [tutorial_row(model, setting, x, y, options.voltage) for model in models]
        verdict = ""
        if setting.band and not small:
            low, high = setting.band
            verdict = f"{low}-{high}: {'ok' if low <= np.median([r.percent for r in rows]) <= high else 'not'}"
        synapse = "" if setting.synapse is None else f"{1000 * setting.synapse:g} ms"
        line(setting.steps, synapse, setting.scale, rows, f"{setting.page:.2f}", verdict)

    print(f"spikeport.convert, 256 training images for calibration, {len(x_all)} test images, points lost")
    for steps, most in LOSSES.items():
        rows = [converted_row(model, x_train[:256], x_all, y_all, steps) for model in models]
        fine = np.median([row.percent for row in rows]) <= most + 1e-9
        line(steps, "", "", rows, verdict="" if small else f"at most {most}: {'ok' if fine else 'not'}")

    if options.plot:
        draw(models[0], x_train[:256], x_all[0], options.plot, options.voltage)
        print(f"pictures in {options.plot}")
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
