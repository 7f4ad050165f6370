"""Populations, currents, and what the definition of the neuron makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Array, Input, Neurons, Output

STEPS, NEURONS = 40, 7


def thresholds() -> Array:
    return np.random.default_rng(1).uniform(0.3, 2.0, NEURONS)


def currents(kind: str) -> Array:
    """Currents into the neurons, ``(steps, neurons)``: drawn anew at each step, constant, or on the threshold."""
    rng = np.random.default_rng(2)
    if kind == "noise":
        return rng.normal(0.2, 1.0, (STEPS, NEURONS))
    if kind == "constant":
        return np.repeat(rng.normal(0.2, 0.8, (1, NEURONS)), STEPS, axis=0)
    return np.repeat(thresholds()[None] * np.array([0.1, 0.25, 0.5, 1, -0.5, 0.3, 1.5]), STEPS, axis=0)


each_current = pytest.mark.parametrize("kind", ["noise", "constant", "ties"])


def population(limits: tuple[int, int], **arguments: Any) -> Neurons:
    theta = thresholds()
    return Neurons(threshold=theta, scale=theta, n_min=limits[0], n_max=limits[1], **arguments)


# what calibration may write: one value for all, for each channel, or for each neuron
WRITTEN = {
    "defaults": {},
    "one": {"initial_voltage": 0.25, "correction": np.full(1, 0.05)},
    "each": {"initial_voltage": np.linspace(-0.5, 1.5, NEURONS), "correction": np.linspace(-0.2, 0.2, NEURONS)},
}
each_written = pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)


def events_by_definition(op: Neurons, z: Array, key: Array | None = None) -> Array:
    """Events of currents ``(steps, neurons)``."""
    shape = z.shape[1:]
    state, theta, correction = op.start(shape, key), op.threshold_of(shape), op.correction_of(shape)
    return np.array([op.step(state, (row + correction) / theta) for row in z])


def first_steps(op: Neurons, z: Array) -> list[float]:
    """Events of one neuron for currents of one number each."""
    state = op.start((1,))
    return [float(op.step(state, np.array([x]))[0]) for x in z]


def one_population(op: Neurons, shape: tuple[int, ...]) -> Graph:
    nodes = (
        Node(name="x", op=Input(shape=shape)),
        Node(name="r", op=op, inputs=("x",)),
        Node(name="y", op=Output(), inputs=("r",)),
    )
    return Graph.build(nodes, {"r": "y"})
