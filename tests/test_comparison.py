"""The helpers that compare do raise where there is something to raise about."""

from __future__ import annotations

import numpy as np
import pytest

from comparison import assert_equals_keras, assert_same_events, mean_error, value_range

VALUES = np.array([[0.0, 1.0], [4.0, 2.0]])


def test_what_is_near_enough_passes():
    assert_equals_keras(VALUES + 3e-4, VALUES)
    assert_equals_keras(np.zeros((2, 3)), np.zeros((2, 3)))
    assert_same_events({"a": VALUES}, {"a": VALUES.copy()})


@pytest.mark.parametrize("actual", [VALUES + 5e-4, VALUES[:1], VALUES * np.nan], ids=["far", "shape", "nan"])
def test_what_differs_raises(actual):
    with pytest.raises(AssertionError):
        assert_equals_keras(actual, VALUES)


@pytest.mark.parametrize("actual", [{"a": VALUES + 1}, {"b": VALUES}, {}, {"a": VALUES, "b": VALUES}])
def test_other_events_raise(actual):
    with pytest.raises(AssertionError):
        assert_same_events(actual, {"a": VALUES})


def test_errors_are_parts_of_the_range():
    assert value_range(VALUES) == 4
    assert value_range(np.full(3, -2.0)) == 2
    assert value_range(np.zeros(3)) == 1
    assert mean_error(VALUES + np.array([[0, 4], [0, 0]]), VALUES) == 0.25
