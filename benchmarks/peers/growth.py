"""How spikeport's time grows with steps, batch, rate, width and depth: one of them varies, the others stay.

Prints rows as JSON; run it as ``growth.py ROUNDS``. The networks are convolutions with random weights on noise, so
their activity is that of no task.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

import spikeport

SIDE = 16  # of the images
STEPS, BATCH, RATE, WIDTH, DEPTH = 16, 64, 1.0, 32, 3


class Point(NamedTuple):
    """What one row measures; ``rate`` multiplies the input, and with it how often neurons fire."""

    varied: str = ""
    steps: int = STEPS
    batch: int = BATCH
    rate: float = RATE
    width: int = WIDTH
    depth: int = DEPTH


VALUES: dict[str, tuple[float, ...]] = {
    "steps": (4, 8, 16, 32, 64),
    "batch": (1, 4, 16, 64, 256),
    "rate": (0.25, 0.5, 1.0, 2.0),
    "width": (8, 16, 32, 64),
    "depth": (1, 2, 4, 8),
}


def points() -> Iterator[Point]:
    """All rows."""
    for name, values in VALUES.items():
        for value in values:
            yield Point(varied=name)._replace(**{name: value})


def network(width: int, depth: int) -> spikeport.SpikingNetwork:
    """So many 3 × 3 convolutions of so many filters, and a dense layer."""
    keras.utils.set_random_seed(0)
    image = value = keras.Input((SIDE, SIDE, 3))
    for _ in range(depth):
        value = keras.layers.Conv2D(width, 3, padding="same", activation="relu", kernel_initializer="he_uniform")(value)
    value = keras.layers.GlobalAveragePooling2D()(value)
    model = keras.Model(image, keras.layers.Dense(10)(value))
    return spikeport.convert(model, images(64), target_steps=STEPS)


def images(count: int) -> np.ndarray:
    """Noise from 0 to 1."""
    return np.random.default_rng(1).random((count, SIDE, SIDE, 3), dtype=np.float32)


def measured(rounds: int) -> list[dict[str, Any]]:
    """Return a row for each point: medians of seconds for an image, events and additions of an image."""
    rows = list(points())
    deployed = {size: network(*size).deploy("cpu") for size in dict.fromkeys((p.width, p.depth) for p in rows)}
    inputs = {p: images(p.batch) * np.float32(p.rate) for p in rows}
    seconds: dict[Point, list[float]] = {p: [] for p in rows}
    results = {p: deployed[p.width, p.depth].run([inputs[p]], p.steps) for p in rows}  # compiles
    for place in range(rounds):
        print(f"  growth: round {place + 1} of {rounds}", file=sys.stderr, flush=True)
        for p in rows:
            start = time.perf_counter()
            deployed[p.width, p.depth].run([inputs[p]], p.steps)
            seconds[p].append((time.perf_counter() - start) / p.batch)
    return [
        {
            "varied": p.varied,
            "value": getattr(p, p.varied),
            "seconds": statistics.median(seconds[p]),
            "events": sum(float(c.sum()) for c in results[p].spike_counts.values()) / p.batch,
            "additions": float(results[p].synaptic_operations.mean()),
        }
        for p in rows
    ]


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
