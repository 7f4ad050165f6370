"""The groups of tests that run in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from process_groups import ALONE, BY_CASE, group_of


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("tests/test_cli.py::test_a", "tests/test_cli.py::test_b[1]", True),
        ("tests/test_cli.py::test_a", "tests/test_report.py::test_a", False),
        ("tests/test_layers.py::test_a[conv2d-same-live]", "tests/test_layers.py::test_b[conv2d-same-graded]", True),
        ("tests/test_layers.py::test_a[conv2d-same-.h5]", "tests/test_layers.py::test_b[conv2d-.h5]", False),
        ("tests/test_acceptance.py::test_a[18]", "tests/test_acceptance.py::test_a[06]", False),
    ],
    ids=str,
)
def test_tests_that_share_something_are_in_one_group(first, second, together):
    assert (group_of(first) == group_of(second)) is together


@pytest.mark.parametrize("stem", [*BY_CASE, *ALONE])
def test_every_file_that_is_named_is_there(stem):
    assert (Path(__file__).parent / f"{stem}.py").is_file()
