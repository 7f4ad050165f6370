"""Images per second of each backend beside Keras's own predict, as ratios within one run.

Run it as ``python benchmarks/speed.py [MODEL] [--data DATA.npz] [--steps 16]``; without a model it takes the digits
network that ships with spikeport. Each figure is the median of several rounds, in which everything takes its turn, so
that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import spikeport
from spikeport.demo.digits import digits_data, digits_model
from spikeport.samples import load_npz


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Time the backends and Keras in turns."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", type=Path, default=digits_model(), help="a .h5 or .keras file")
    parser.add_argument("--data", type=Path, help="an .npz file with x; default: scikit-learn's digits")
    parser.add_argument("--samples", type=int, default=500, help="for the cpu backend and Keras (nengo: a tenth)")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    x = np.asarray(load_npz(options.data)[0] if options.data else digits_data()[1][0])[: options.samples]
    net = spikeport.convert(options.model, calibration=x[:128], target_steps=options.steps)
    cpu, nengo = net.deploy("cpu"), net.deploy("nengo")
    few = x[: max(1, len(x) // 10)]

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras_model = keras.models.load_model(options.model, compile=False)
    contestants: dict[str, tuple[Callable[[], object], int]] = {
        "keras predict": (lambda: keras_model.predict(x, batch_size=256, verbose=0), len(x)),
        "rate network": (lambda: net.run(x, spiking=False), len(x)),
        "cpu": (lambda: cpu.run([x], options.steps), len(x)),
        "nengo": (lambda: nengo.run([few], options.steps), len(few)),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for work, _ in contestants.values():
        work()  # compiles what is compiled at first use
    for _ in range(options.rounds):
        for name, (work, count) in contestants.items():
            rates[name].append(count / seconds(work))
    reference = statistics.median(rates["keras predict"])
    print(f"{options.model.name}, {len(x)} samples, {options.steps} steps, median of {options.rounds} rounds")
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"{name:14s} {rate:10,.0f} samples/s   {rate / reference:8.3f} × keras predict")


if __name__ == "__main__":
    main()
