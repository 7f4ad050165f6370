"""A question of the Nengo forum, answered: a Conv3D network with regularisers, dropout and max pooling, on Loihi.

The network classifies clips of 16 frames. The questions: what becomes of the kernel regularisers, of dropout, and of
max pooling; which layers fall back or stay off the chip, and why; and what to do about it. The report answers all five.

Run it as ``python examples/forum_conv3d.py``; ``--quick`` takes a network with fewer filters, and converts and runs it
too.
"""

from __future__ import annotations

import argparse
import time

import keras
import numpy as np
from keras import layers, regularizers

import spikeport


def forum_network(filters: tuple[int, int] = (64, 128), units: int = 2048) -> keras.Model:
    """The forum's network; untrained, since the answers do not depend on the weights."""
    penalty = {"kernel_regularizer": regularizers.L2(1e-4)}
    return keras.Sequential(
        [
            keras.Input((16, 36, 64, 3), name="clip"),
            layers.Conv3D(filters[0], 3, activation="relu", name="conv1", **penalty),
            layers.MaxPooling3D(2, name="pool1"),
            layers.Conv3D(filters[1], 3, activation="relu", name="conv2", **penalty),
            layers.MaxPooling3D(2, name="pool2"),
            layers.Flatten(name="flat"),
            layers.Dense(units, activation="relu", name="hidden", **penalty),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(12, activation="softmax", name="gesture"),
        ],
        name="forum",
    )


def main() -> None:
    """Print the report with Loihi's verdicts, then the answers taken from it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer filters; convert and run it as well")
    options = parser.parse_args()
    model = forum_network((4, 8), 32) if options.quick else forum_network()

    started = time.perf_counter()
    report, _ = spikeport.check(model, backend="loihi")
    print(report)
    print(f"checked {model.count_params():,} parameters in {time.perf_counter() - started:.1f} s\n")

    entries = {entry.layer: entry for entry in report.layers}
    notes = {note.code: note for note in report.notes}
    print(f"1. Regularisers: {notes['training-only'].sentence}.")
    print(f"2. Dropout: {entries['dropout'].sentence}.")
    print(f"3. Max pooling: {entries['pool2'].sentence}.")
    print("4. Nothing falls back. On Loihi:")
    for part in report.placement:
        print(f"   {part.layer}: {part.sentence}.")
    print(f"5. What to do: {notes['not-for-chips'].reason.remedy}.")

    if options.quick:
        clips = np.random.default_rng(0).random((2, 16, 36, 64, 3), np.float32)
        net = spikeport.convert(model, calibration=clips)
        expected = model.predict(clips, verbose=0)
        for steps in (4, 16, 64):
            error = np.abs(net.run(clips, steps).output - expected).max() / np.ptp(expected)
            print(f"on the cpu after {steps:2} steps: error {error:.3f} of the range of Keras's outputs")


if __name__ == "__main__":
    main()
