"""How many samples go through the spiking network: bounded by memory, then by work, and never none."""

from __future__ import annotations

import numpy as np
import pytest

from calibration_cases import GRAPHS
from graphs import OUTPUT, RELU, conv, dense, graph_of, node
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Input
from spikeport.converter.spiking.sample_budget import samples_that_fit

GIBIBYTE = 2**30


def image(size: int) -> Graph:
    return graph_of(
        node("x", Input(shape=(size, size, 2))),
        node("c", conv(2, 16), "x"),
        node("r", RELU, "c"),
        node("y", OUTPUT, "r"),
    )


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("n_steps", [1, 16, 256])
def test_small_networks_take_all_that_are_wanted(make, n_steps):
    assert samples_that_fit(make(), n_steps, 128) == 128


@pytest.mark.parametrize("n_steps", [1, 4, 16, 64, 1024, 10**6])
@pytest.mark.parametrize("size", [8, 64, 224])
def test_values_over_all_steps_fit_the_memory(size, n_steps):
    count = samples_that_fit(image(size), n_steps, 128)
    assert 1 <= count <= 128
    at_once = 2 * 16 * size * size  # what goes into the neurons and what comes out
    assert count == 1 or count * at_once * n_steps * 4 <= GIBIBYTE


def test_more_steps_take_no_more_samples():
    counts = [samples_that_fit(image(96), n_steps, 128) for n_steps in (1, 4, 16, 64, 256)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_heavy_weights_take_few_samples_but_eight():
    kernel = np.broadcast_to(np.float32(0.0), (2**15, 2**15))  # 2^30 products a step, in hardly any values
    from spikeport.converter.ops import Dense

    graph = graph_of(
        node("x", Input(shape=(2**15,))),
        node("d", Dense(kernel=kernel), "x"),
        node("r", RELU, "d"),
        node("y", OUTPUT, "r"),
    )
    assert samples_that_fit(graph, 4, 128) == 23
    assert samples_that_fit(graph, 64, 128) == 8
    assert samples_that_fit(graph, 64, 3) == 3


def test_one_sample_is_one():
    graph = graph_of(
        node("x", Input(shape=(3,))), node("d", dense(3, 2), "x"), node("r", RELU, "d"), node("y", OUTPUT, "r")
    )
    assert samples_that_fit(graph, 16, 1) == 1
