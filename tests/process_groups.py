"""Which tests run in one process, with ``pytest -n``: those that share what they compute.

A group is a file: the fixtures of a file and what it caches are then made once. A file of many cases is cut into its
cases, and tests that share nothing and take long are alone. (``--dist loadgroup`` of xdist 3.8 knows no groups with
pytest 9.2: it writes them into an attribute that the latter no longer reads.)
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from xdist.scheduler import LoadScopeScheduling

BY_CASE = ("test_applications", "test_layers", "test_operations")
ALONE = ("test_acceptance", "test_examples", "test_forum_models")
NOT_THE_CASE = {"live", ".h5", ".keras", "graded", "binary"}  # what else stands in the name of a test of a case


def group_of(name: str) -> str:
    """The group of a test, given its name: ``tests/test_layers.py::test_that[conv2d-same-live]``."""
    path, _, rest = name.partition("::")
    stem = PurePosixPath(path).stem
    if stem in ALONE:
        return name
    if stem in BY_CASE and "[" in rest:
        words = rest.partition("[")[2].rstrip("]").split("-")
        return f"{path} {'-'.join(word for word in words if word not in NOT_THE_CASE)}"
    return path


class GroupScheduling(LoadScopeScheduling):
    """Gives each process a group at a time, in the order of the collection."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
