"""Spoken digits as spikes, learned by Spyx's network for the Spiking Heidelberg Digits: two recurrent layers, in Keras.

Each recording becomes spikes of 128 channels (`speech_to_spikes`), kept in a file of the Heidelberg layout. The network
has 2 × 128 recurrent leaky neurons with the arctan surrogate and a leaky integrator for each digit; it is trained with
Lion, centralised gradients and the cross entropy of the integrators' mean over 128 steps.

Run it as ``KERAS_BACKEND=jax python examples/spoken_digits.py``; TensorFlow and torch do as well. It wants
``fsdd/fsdd_recordings.tar.gz``, the Free Spoken Digit Dataset, in the folder that SPIKEPORT_DATA names (by default
``../shared/data``, seen from the repository): recordings 0 to 4 of each speaker and digit are the test set.
``--data TRAIN.h5 TEST.h5`` takes files of the Heidelberg data sets instead. ``--quick`` makes up tones.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import tarfile
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from spikeport import training
from spikeport.training.data import UNITS, HeidelbergSpikes, speech_to_spikes, write_heidelberg

STEPS, CHANNELS, LAYER, BATCH = 128, 128, 128, 256
TESTED = 5  # recordings of each speaker and digit


def network(channels: int = CHANNELS, steps: int = STEPS, units: int = LAYER, classes: int = 10) -> keras.Model:
    """Spyx's network: Dense without bias before each layer of neurons."""
    neurons = {
        "beta": keras.initializers.TruncatedNormal(0.5, 0.25),
        "learn_beta": True,
        "surrogate": "arctan",
        "slope": 2.0,
        "detach_reset": False,
        "recurrent_initializer": "orthogonal",
    }
    layers = [
        keras.layers.Dense(units, use_bias=False),
        training.RecurrentLIF(**neurons, name="first"),
        keras.layers.Dense(units, use_bias=False),
        training.RecurrentLIF(**neurons, name="second"),
        keras.layers.Dense(classes, use_bias=False),
        training.LeakyIntegrator(0.8, learn_beta=True, name="digits"),
    ]
    if keras.backend.backend() == "jax":  # there one loop is faster than one for each layer
        layers = [training.InOneLoop(layers)]
    return keras.Sequential([keras.Input((steps, channels)), *layers])


def compiled(model: keras.Model, rate: float, rounds: int) -> keras.Model:
    """With Spyx's settings."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, rounds)
    optimizer = training.centralised(keras.optimizers.Lion(schedule, beta_1=0.9, beta_2=0.99))
    loss = training.IntegralCrossEntropy(label_smoothing=0.3, scale=4.0)
    model.compile(optimizer, loss, metrics=[training.IntegralAccuracy(name="accuracy")])
    return model


def recordings(archive: Path) -> Iterator[tuple[int, str, int, np.ndarray, int]]:
    """Digit, speaker, number, sound and sample rate of each recording."""
    with tarfile.open(archive) as files:
        for member in files:
            named = re.fullmatch(r".*/(\d)_(\w+)_(\d+)\.wav", member.name)
            if named is None:
                continue
            with wave.open(io.BytesIO(files.extractfile(member).read())) as sound:
                samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 2**15
                yield int(named[1]), named[2], int(named[3]), samples, sound.getframerate()


def tones(count: int) -> Iterator[tuple[int, str, int, np.ndarray, int]]:
    """Made up: a rising or falling tone for each of two digits."""
    rng = np.random.default_rng(0)
    for number in range(count):
        t = np.arange(2400) / 8000
        digit = number % 2
        pitch = rng.uniform(300, 500) + 900 * (t if digit else 0.3 - t) / 0.3
        yield digit, "nobody", number % 20, np.sin(2 * np.pi * np.cumsum(pitch) / 8000), 8000


def written(sounds: Iterator[tuple[int, str, int, np.ndarray, int]], folder: Path) -> tuple[Path, Path]:
    """Turn recordings into spikes; return the files for training and test."""
    paths = folder / "train.h5", folder / "test.h5"
    parts: tuple[list, list] = ([], [])
    for digit, _, number, sound, rate in sounds:
        times, units = speech_to_spikes(sound, rate, channels=CHANNELS)
        parts[number < TESTED].append((times, units * UNITS // CHANNELS, digit))
    for path, part in zip(paths, parts):
        write_heidelberg(path, *zip(*part))
    return paths


def main() -> None:
    """Make the files, train, and score."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="made-up tones and a small network")
    parser.add_argument("--data", nargs=2, type=Path, metavar=("TRAIN.h5", "TEST.h5"), help="Heidelberg files")
    parser.add_argument("--epochs", type=int, default=60, help="times through the training set (default: 60)")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of Lion at the start (default: 5e-4)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order (default: 0)")
    options = parser.parse_args()

    place = Path(os.environ.get("SPIKEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data")
    archive = place / "fsdd" / "fsdd_recordings.tar.gz"
    small = options.quick or (options.data is None and not archive.is_file())
    with tempfile.TemporaryDirectory() as folder:
        paths = options.data or written(tones(100) if small else recordings(archive), Path(folder))
        batch = 16 if small else BATCH
        common = {"n_steps": 32 if small else STEPS, "channels": CHANNELS, "duration": 0.3 if small else 0.75}
        train = HeidelbergSpikes(paths[0], **common, batch_size=batch, seed=options.seed, drop_last=True)
        test = HeidelbergSpikes(paths[1], **common, batch_size=min(batch, 100))
        print(f"{len(train.labels)} recordings to train on, {len(test.labels)} to test, on {keras.backend.backend()}")
        keras.utils.set_random_seed(options.seed)
        epochs = 8 if small else options.epochs
        model = network(CHANNELS, train.n_steps, 16 if small else LAYER, train.classes)
        compiled(model, 5e-3 if small else options.rate, epochs * len(train))
        started = time.perf_counter()
        for epoch in range(1, epochs + 1):
            found = model.fit(train, initial_epoch=epoch - 1, epochs=epoch, shuffle=False, verbose=0).history
            if epoch % 10 == 0 or epoch == epochs:
                right = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
                seconds = time.perf_counter() - started
                print(
                    f"epoch {epoch}: training {100 * found['accuracy'][-1]:.1f} %, test {100 * right:.1f} %, "
                    f"{seconds:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
