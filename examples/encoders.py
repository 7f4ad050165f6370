"""Present images as constant currents, as Poisson spikes, as first spikes and as changes, and compare the accuracy.

Run it as ``python examples/encoders.py``; ``--quick`` uses fewer images.
"""

from __future__ import annotations

import argparse

import numpy as np

import spikeport
from spikeport.demo.digits import digits_data, digits_model
from spikeport.encoders import ENCODERS, EventFrames

STEPS = (4, 8, 16, 32, 64)


def main() -> None:
    """Score each encoder on the digits model that ships with spikeport, then run a recording of events."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    options = parser.parse_args()

    (x_train, _), (x_test, y_test) = digits_data()
    if options.quick:
        x_test, y_test = x_test[:100], y_test[:100]
    net = spikeport.convert(digits_model(), calibration=x_train[:256])

    # First spikes carry the charge of all the steps, so each number of steps is a run of its own.
    print(f"{'right, %':12}" + "".join(f"{steps:8}" for steps in STEPS) + f"   input events in {STEPS[-1]} steps")
    for name in ENCODERS:
        scores = [spikeport.evaluate(net, x_test, y_test, steps, encoder=name) for steps in STEPS]
        events = scores[-1].input_events_per_sample
        row = "".join(f"{100 * score.accuracy[-1]:8.2f}" for score in scores)
        print(f"{name:12}{row}   {'none: real numbers' if events is None else f'{events:,.0f}'}")
    print(f"the rate network: {100 * (scores[-1].keras_accuracy or 0):.2f} %")

    # An event camera that watches a digit appear: bright pixels send more events. Its frames are a sequence.
    rng = np.random.default_rng(0)
    recordings = [events_of(image, rng) for image in x_test[:20, ..., 0]]
    frames = EventFrames(height=8, width=8, polarities=1, bin=1000, steps=32)(recordings) / 4
    answers = net.run(frames).output.argmax(axis=1)  # as many steps as there are frames
    print(
        f"from the events of a camera: {int((answers == y_test[:20]).sum())} of 20 right after {frames.shape[1]} frames"
    )


def events_of(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return 32 ms of events ``(events, 4)`` as t in µs, x, y and p: up to 128 from a pixel."""
    rows, columns = np.nonzero(image)
    counts = np.rint(128 * image[rows, columns]).astype(int)
    x, y = np.repeat(columns, counts), np.repeat(rows, counts)
    return np.stack([rng.integers(0, 32_000, len(x)), x, y, np.ones_like(x)], axis=1)


if __name__ == "__main__":
    main()
