"""What is foretold of the weights in whole numbers is what nengo-loihi makes of them."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from spikeport.backends.loihi.backend import LoihiBackend
from spikeport.backends.loihi.quantisation import quantise, why_not_in_numbers
from spikeport.converter.ops import Dense, Neurons

pytestmark = [
    pytest.mark.loihi,
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
]
ONE = np.ones(1, np.float32)


def scaled_population(build: Any, spread: float, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    relu = Neurons(threshold=ONE, scale=ONE)
    kernel = (rng.normal(size=(12, 30)) * spread).astype(np.float32)
    graph = build(
        (12,), relu1=relu, dense=Dense(kernel=kernel), relu2=relu, out=Dense(kernel=np.ones((30, 2), np.float32))
    )
    deployment = LoihiBackend().deploy(graph)
    return deployment._for(20, {}).scaled


@pytest.mark.parametrize("spread", [3.0, 0.3, 0.001, 0.0002])
def test_weights_are_rounded_as_foretold(build: Any, spread: float) -> None:
    from spikeport.backends.loihi.simulation import Simulation

    scaled = scaled_population(build, spread)
    population = scaled["relu2"]
    exact = population.routes["relu1"].weights
    simulation = Simulation(scaled)
    (block,) = simulation.blocks["relu2"]
    simulation.close()
    whole = np.stack([w[0] for w in block.synapses[0].weights])
    found = whole * float((exact * whole).sum() / (whole.astype(float) ** 2).sum())  # in the units of the exact ones
    expected = quantise(population)
    noise = 10 * np.log10((exact**2).sum() / ((exact - found) ** 2).sum())
    assert expected.signal_to_noise == pytest.approx(noise, abs=0.3)
    assert expected.lost_bits == max(simulation.happenings.lost_bits, default=0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"factor": 2000.0}, r"its largest weight is .* thresholds, and the chip's numbers hold 495 at most"),
        ({"factor": 1e-7, "bias": 0.9}, "its largest bias is 0.9 thresholds .* no exponent of the chip's holds both"),
    ],
    ids=["weights", "bias"],
)
def test_numbers_that_do_not_fit_are_foretold(build: Any, changes: dict[str, float], why: str) -> None:
    scaled = scaled_population(build, 1.0)
    assert why_not_in_numbers(scaled) == {}
    population = scaled["relu2"]
    factor = changes["factor"]
    routes = {s: r.scaled(np.full(1, factor), ONE) for s, r in population.routes.items()}
    bias = np.full_like(population.bias, changes.get("bias", 0.0))
    changed = dataclasses.replace(population, routes=routes, bias=bias, kick=0 * population.kick)
    (reason,) = why_not_in_numbers({**scaled, "relu2": changed}).values()
    assert re.search(why, reason)
