"""Fixtures that several test files use."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: it reports the processor's features

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import small_files

LITTLE_MEMORY = 200 * 2**20  # what refusing a file may take


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that several processes end at the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    if config.getoption("dist") != "load":  # something else was asked for
        return None
    from process_groups import GroupScheduling

    return GroupScheduling(config, log)


@pytest.fixture(scope="session")
def small_h5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained-looking model as an .h5 file: image 6 × 6, 4 classes."""
    return small_files.write_h5(tmp_path_factory.mktemp("small") / "small.h5")


@pytest.fixture(scope="session")
def small_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a .keras file."""
    return small_files.write_keras(tmp_path_factory.mktemp("small") / "small.keras")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples x and labels y for the small model."""
    path = tmp_path_factory.mktemp("small") / "data.npz"
    x = small_files.samples(24)
    np.savez(path, x=x, y=np.arange(24) % 4)
    return path


@pytest.fixture(scope="session")
def small_network(small_h5: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model, converted and saved."""
    import spikeport

    path = tmp_path_factory.mktemp("small") / "net.h5"
    spikeport.convert(small_h5, small_files.samples(24)).save(path)
    return path


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fail where a test takes a lot of memory, even for a moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < LITTLE_MEMORY


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that code in a model would make."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()
