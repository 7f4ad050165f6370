"""What the tests compare with: differences in units of the expected values' range, and events one by one."""

from __future__ import annotations

import numpy as np

RATE_TOLERANCE = 1e-4
"""Of the output's range; the rate network computes in float32, in another order than Keras does."""


def value_range(values: np.ndarray) -> float:
    """The distance from the smallest to the largest value; of a constant its size, of zeros 1."""
    spread = float(np.ptp(values))
    return spread or float(np.abs(values).max(initial=0.0)) or 1.0


def mean_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """The mean absolute difference, as a part of the expected values' range."""
    return float(np.abs(actual - expected).mean()) / value_range(expected)


def assert_equals_keras(actual: np.ndarray, expected: np.ndarray, tolerance: float = RATE_TOLERANCE) -> None:
    """Raise where a value differs by more than the tolerance, a part of the expected values' range."""
    assert actual.shape == expected.shape
    worst = float(np.abs(actual - expected).max(initial=0.0)) / value_range(expected)
    assert worst <= tolerance, f"differs by {worst:.2g} of the range, expected at most {tolerance:g}"


def assert_same_events(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Raise unless both have the same populations, with the same event of each neuron at each step."""
    assert actual.keys() == expected.keys()
    for name, events in expected.items():
        different = np.argwhere(actual[name] != events)
        assert not len(different), f"{name}: {len(different)} events differ, first at {different[0]}"
