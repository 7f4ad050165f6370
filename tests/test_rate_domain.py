"""The rate domain: the running mean of what a non-linear op puts out is the op of the running mean of its input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphs import random
from spikeport.backends.nengo.tensor_node import RateDomainStep
from spikeport.backends.read_out import read_out_mean
from spikeport.converter.ops import Activation, Extremum, MaxPool, Multiply, Op, as_rate_domain

STEPS, BATCH = 9, 2
CASES: dict[str, tuple[Op, list[tuple[int, ...]]]] = {
    "tanh": (Activation(function="tanh"), [(5,)]),
    "softmax": (Activation(function="softmax", arguments={"axis": 1}), [(3, 5)]),
    "max pooling": (MaxPool(pool_size=(2, 3), strides=(2, 3), padding=((0, 1), (1, 0))), [(5, 5, 2)]),
    "product": (Multiply(), [(3, 5), (5,)]),
    "maximum": (Extremum(), [(3, 5), (3, 5), (3, 1)]),
}


def sequences(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    return [random(STEPS, BATCH, *shape, seed=i).astype(np.float64) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("op, shapes", CASES.values(), ids=CASES)
def test_the_running_mean_is_the_op_of_the_running_mean(op, shapes):
    given = sequences(shapes)
    result = as_rate_domain(op, *given)
    expected = [op.apply(*(read_out_mean(x, 0)[t] for x in given)) for t in range(STEPS)]
    np.testing.assert_allclose(read_out_mean(result, 0), expected, atol=1e-12)
    assert np.array_equal(result[0], op.apply(*(x[0] for x in given)))


@pytest.mark.parametrize("op, shapes", CASES.values(), ids=CASES)
def test_a_constant_stays_a_constant(op, shapes):
    given = [np.repeat(x[:1], STEPS, axis=0) for x in sequences(shapes)]
    result = as_rate_domain(op, *given)
    np.testing.assert_allclose(result, np.repeat(result[:1], STEPS, axis=0), atol=1e-12)


@pytest.mark.parametrize("op, shapes", CASES.values(), ids=CASES)
def test_the_nodes_of_nengo_compute_the_same_step_by_step(op, shapes):
    given = sequences(shapes)
    expected = as_rate_domain(op, *given)
    step = RateDomainStep(op, shapes)
    for sample in range(BATCH):  # the second run begins where time goes back
        for t in range(STEPS):
            flat = np.concatenate([x[t, sample].reshape(-1) for x in given])
            np.testing.assert_allclose(step((t + 1) * 0.001, flat), expected[t, sample].reshape(-1), atol=1e-12)


def test_the_type_of_the_values_is_kept():
    result = as_rate_domain(Activation(function="sigmoid"), random(3, 2, 4))
    assert result.dtype == np.float32
    assert math.isfinite(result.sum())
