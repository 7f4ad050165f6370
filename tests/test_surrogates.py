"""Spikes forward, the surrogate's derivative backward."""

from __future__ import annotations

import numpy as np
import pytest

from spikeport import UsageError
from spikeport.training import SURROGATES, spike

DERIVATIVES = {
    "fast_sigmoid": lambda x, k: 1 / (1 + k * np.abs(x)) ** 2,
    "arctan": lambda x, k: k / 2 / (1 + (np.pi / 2 * k * x) ** 2),
    "sigmoid": lambda x, k: k / (1 + np.exp(-k * x)) * (1 - 1 / (1 + np.exp(-k * x))),
}


def gradient(function, x):
    tf = pytest.importorskip("tensorflow")
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(variable))
    return tape.gradient(total, variable).numpy()


def test_every_surrogate_has_a_derivative_here():
    assert set(DERIVATIVES) == set(SURROGATES)


@pytest.mark.parametrize("name", SURROGATES)
def test_spikes_forward_and_the_derivative_backward(name):
    voltage = np.linspace(0.2, 1.7, 31).astype(np.float32)
    spikes = np.asarray(spike(voltage, 1.0, surrogate=name, slope=5.0))
    assert np.array_equal(np.round(spikes, 6), (voltage - np.float32(1.0) >= 0).astype(np.float32))
    found = gradient(lambda v: spike(v, 1.0, surrogate=name, slope=5.0), voltage)
    assert np.allclose(found, DERIVATIVES[name](voltage - 1.0, 5.0), rtol=1e-4, atol=1e-6)


def test_a_function_of_ones_own():
    found = gradient(lambda v: spike(v, surrogate=lambda x, slope: slope * x, slope=3.0), np.zeros(4, np.float32))
    assert np.allclose(found, 3.0)


def test_an_unknown_surrogate_names_the_known_ones():
    with pytest.raises(UsageError, match="fast_sigmoid, arctan, sigmoid"):
        spike(np.zeros(1, np.float32), surrogate="square")
