"""Spikes forward, the surrogate's derivative backward."""

from __future__ import annotations

import numpy as np
import pytest

from spikeport import UsageError
from spikeport.training import SURROGATES, pseudo_gradient, spike
from spikeport.training.surrogates import events

DERIVATIVES = {
    "fast_sigmoid": lambda x, k: 1 / (1 + k * np.abs(x)) ** 2,
    "arctan": lambda x, k: k / 2 / (1 + (np.pi / 2 * k * x) ** 2),
    "sigmoid": lambda x, k: k / (1 + np.exp(-k * x)) * (1 - 1 / (1 + np.exp(-k * x))),
    "superspike": lambda x, k: k / (1 + k * np.abs(x)) ** 2,
    "triangular": lambda x, k: k * np.maximum(1 - k * np.abs(x), 0),
    "straight_through": lambda x, k: np.ones_like(x),
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
    with pytest.raises(UsageError, match="fast_sigmoid, superspike, arctan"):
        spike(np.zeros(1, np.float32), surrogate="square")


@pytest.mark.parametrize("name", SURROGATES)
def test_the_smooth_function_has_the_derivative_that_is_used(name):
    x = np.linspace(-0.8, 0.8, 41)
    smooth, step = SURROGATES[name], 1e-6
    differences = (np.asarray(smooth(x + step, 2.0)) - np.asarray(smooth(x - step, 2.0))) / (2 * step)
    assert np.allclose(differences, DERIVATIVES[name](x, 2.0), atol=1e-5)


@pytest.mark.parametrize("surrogate", ["triangular", SURROGATES["triangular"]], ids=["by name", "by function"])
def test_several_events_have_the_gradient_of_the_nearest_threshold(surrogate):
    voltage = np.array([-1.4, -0.1, 0.4, 0.9, 1.1, 2.0, 2.9, 3.3, 5.0], np.float32)
    sent = np.asarray(events(voltage, -1, 3, surrogate=surrogate, slope=2.0))
    assert np.allclose(sent, [-1, -1, 0, 0, 1, 2, 2, 3, 3], atol=1e-6)
    found = gradient(lambda v: events(v, -1, 3, surrogate=surrogate, slope=2.0), voltage)
    nearest = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3])
    assert np.allclose(found, DERIVATIVES["triangular"](voltage - nearest, 2.0), atol=1e-5)


def test_spikes_forward_and_the_rate_curve_backward():
    x = np.array([-1.0, 0.5, 2.0], np.float32)
    tf = pytest.importorskip("tensorflow")
    spikes = np.array([0.0, 1.0, 3.0], np.float32)
    assert np.allclose(pseudo_gradient(spikes, tf.nn.relu(x)), spikes)
    assert np.allclose(gradient(lambda v: pseudo_gradient(spikes, tf.nn.relu(v)), x), [0, 1, 1])
