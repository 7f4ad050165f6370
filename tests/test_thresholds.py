"""Threshold rules: each against its definition on the values themselves."""

from __future__ import annotations

import numpy as np
import pytest

from spikeport.converter.spiking import PRESETS, ActivationHistogram
from spikeport.converter.spiking.thresholds import balanced, mmse, threshold_by_rule

RULES = ("percentile", "maximum", "mmse", "balanced")
BIN = 2 ** (1 / 32)  # of the histogram: the widest ratio of two values in one bin
DISTRIBUTIONS = {
    "exponential": lambda rng, size: rng.exponential(0.7, size),
    "half normal": lambda rng, size: rng.normal(0, 1, size),
    "outliers": lambda rng, size: np.where(rng.random(size) < 0.002, 50, rng.random(size)),
    "one value": lambda rng, size: np.full(size, 0.3),
}
each_distribution = pytest.mark.parametrize("draw", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)


def values_of(draw, channels: int = 2, seed: int = 5) -> np.ndarray:
    return draw(np.random.default_rng(seed), (3001, channels))


def histogram_of(values: np.ndarray) -> ActivationHistogram:
    histogram = ActivationHistogram(values.shape[-1])
    histogram.add(values)
    return histogram


def rounding_error(values: np.ndarray, theta: float, n_steps: int, n_max: int) -> float:
    levels = np.clip(np.rint(values * n_steps / theta), 0, n_max * n_steps)
    return float(np.sum((values - theta / n_steps * levels) ** 2))


@each_distribution
@pytest.mark.parametrize(("n_steps", "n_max"), [(1, 1), (4, 1), (16, 1), (8, 4)])
def test_mmse_is_as_good_as_the_best_candidate_on_the_values(draw, n_steps, n_max):
    values = values_of(draw)
    found = mmse(histogram_of(values), n_steps, n_max)
    for channel, theta in enumerate(found):
        positive = values[:, channel][values[:, channel] > 0]
        candidates = positive.max() / n_max * (1 - 0.01 * np.arange(95))
        errors = np.array([rounding_error(positive, c, n_steps, n_max) for c in candidates])
        # a value may lie half a bin from its bin's middle, which moves the root of its error by that much
        blurred = np.sqrt(errors.min()) + 2 * (np.sqrt(BIN) - 1) * np.sqrt(np.sum(positive**2))
        assert rounding_error(positive, theta, n_steps, n_max) <= blurred**2
        assert candidates.min() * 0.999 <= theta <= candidates.max() * 1.001


def test_mmse_takes_a_lower_threshold_for_few_steps():
    values = values_of(DISTRIBUTIONS["exponential"])
    few, many = (mmse(histogram_of(values), n_steps, 1) for n_steps in (2, 64))
    assert np.all(few < many)


@each_distribution
def test_balanced_stays_below_the_maximum(draw):
    values = values_of(draw)
    found = balanced(histogram_of(values))
    assert np.all(found > 0)
    assert np.all(found <= values.max(axis=0))


def test_balanced_follows_the_formula():
    values = np.abs(values_of(DISTRIBUTIONS["half normal"]))
    theta = np.zeros(2)
    for _ in range(100):
        raised = theta + 0.05 * np.mean(2 * np.maximum(values - theta, 0), axis=0)
        assert np.all(raised >= theta)
        theta = raised
    np.testing.assert_allclose(balanced(histogram_of(values)), theta, rtol=BIN - 1)


@pytest.mark.parametrize("preset", ["graded", "binary"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("factor", [0.03, 2.0**-14, 2.0**10, 700.0])
def test_rules_scale_with_the_data(rule, preset, factor):
    values = values_of(DISTRIBUTIONS["exponential"])
    plain, scaled = (threshold_by_rule(rule, histogram_of(v), PRESETS[preset], 8) for v in (values, values * factor))
    if np.log2(factor) % 1 == 0:  # then the same values share a bin
        np.testing.assert_allclose(scaled / factor, plain, rtol=1e-6)
    elif rule != "mmse":  # whose minimum is flat: where it lies depends on the bins, how low it is does not
        np.testing.assert_allclose(scaled / factor, plain, rtol=BIN - 1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_rule_gives_every_channel_a_threshold(rule, preset):
    values = np.abs(values_of(DISTRIBUTIONS["half normal"], channels=4))
    values[:, 1] = -1  # never active
    values[:, 2] *= 1e-9  # hardly active
    theta = threshold_by_rule(rule, histogram_of(values), preset, 8)
    assert theta.shape == (4,)
    assert np.all(theta > 0)
    assert theta[1] == theta.max()
    assert theta[2] < 1e-5 * theta.max()


@pytest.mark.parametrize("rule", RULES)
def test_the_largest_event_reaches_no_further_than_the_data(rule):
    values = np.abs(values_of(DISTRIBUTIONS["half normal"]))
    for preset in (PRESETS["graded"], PRESETS["binary"]):
        theta = threshold_by_rule(rule, histogram_of(values), preset, 8)
        limit = preset.threshold_factor * preset.n_max if rule == "percentile" else 1
        assert np.all(theta * preset.n_max <= values.max(axis=0) * limit * 1.0001)
