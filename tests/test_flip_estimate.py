"""The estimate of flips: never below the count, near the truth, and blind to what cannot matter."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spikeport.converter.spiking.flip_estimate import estimated_flips


def scores(count: int = 200, classes: int = 5, noise: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = rng.normal(0, 1, (count, classes))
    return reference, reference + rng.normal(0, noise, (count, classes))


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.3, 3.0])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_it_is_at_least_the_share_that_really_differs(count, noise, classes):
    reference, found = scores(count, classes, noise)
    really = np.mean(reference.argmax(axis=1) != found.argmax(axis=1))
    assert really <= estimated_flips(reference, found) <= 1


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.5])
def test_it_is_near_the_truth_for_gaussian_margins(noise):
    """Two classes: a margin |N(0, 2)| against an error N(0, 2·noise²) flips with probability atan(noise)/π."""
    found = [estimated_flips(*scores(400, 2, noise, seed)) for seed in range(10)]
    assert abs(np.mean(found) - math.atan(noise) / math.pi) < 0.02


def test_few_samples_vary_less_than_a_count():
    pairs = [scores(100, 4, 0.05, seed) for seed in range(40)]
    counted = [np.mean(a.argmax(axis=1) != b.argmax(axis=1)) for a, b in pairs]
    mean = np.mean([estimated_flips(a, b) for a, b in pairs])
    assert abs(mean - np.mean(counted)) < 0.02
    assert np.std([estimated_flips(a, b) for a, b in pairs]) < 1.05 * np.std(counted)


CHANGES = {
    "scaled": lambda a, b: (a * 7, b * 7),
    "shifted for all classes": lambda a, b: (a + 3, b + 3),
    "shifted for each sample": lambda a, b: (a + np.arange(len(a))[:, None], b + np.arange(len(a))[:, None]),
    "classes in another order": lambda a, b: (a[:, ::-1], b[:, ::-1]),
    "samples in another order": lambda a, b: (a[::-1], b[::-1]),
    "found shifted alone, alike for all classes": lambda a, b: (a, b + 0.5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_does_not_matter_changes_nothing(change):
    reference, found = scores()
    np.testing.assert_allclose(estimated_flips(*change(reference, found)), estimated_flips(reference, found), atol=1e-4)


def test_no_error_flips_nothing():
    reference, _ = scores()
    assert estimated_flips(reference, reference) == 0


def test_more_error_flips_more():
    found = [estimated_flips(*scores(noise=noise)) for noise in (0.01, 0.1, 0.5, 2.0)]
    assert found == sorted(found)
    assert found[0] < 0.1 < 0.4 < found[-1]


def test_blocks_make_no_difference(monkeypatch):
    whole = estimated_flips(*scores())
    monkeypatch.setattr("spikeport.converter.spiking.flip_estimate._PAIRS", 3000)
    assert estimated_flips(*scores()) == whole
