"""What the tests of hostile files share: what must come of such a file, and pieces to make one of."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

import spikeport
from small_files import functional, layer
from spikeport import ConversionError, SpikeportError


def refused(path: Path, words: str | None = None) -> None:
    """Check that a file cannot be read or converted, and that the error names the file, or else the layers."""
    with pytest.raises(SpikeportError, match=words) as caught:
        spikeport.convert(path)
    assert isinstance(caught.value, ConversionError) or path.name in str(caught.value)


def tried(path: Path) -> str:
    """Check a file and return what came of it: "read", or the name of one of our errors. Anything else is a failure."""
    try:
        report, _ = spikeport.check(path)
    except SpikeportError as error:
        return type(error).__name__
    assert report.layers
    return "read" if report.convertible else "ConversionError"


# A value of every type that JSON has, and some that are out of bounds
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "text",
    [],
    [[]],
    [None, None],
    ["a", "b"],
    [0, 0],
    [-1, -1],
    [10**30, 10**30],
    [1.5, 1.5],
    [[1, 2], [3, 4]],
    [[1], [2, 3, 4]],
    {},
    {"class_name": "ReLU"},
    {"class_name": "ReLU", "config": []},
    {"class_name": "Lambda", "config": {"function": "x"}},
    {"class_name": ["x"], "config": {"config": {}}},
]


def graph_config(**layers: tuple[dict[str, Any], list[str]]) -> dict[str, Any]:
    start = {"in": (layer("InputLayer", "in", batch_shape=[None, 4]), [])}
    return functional({**start, **layers}, outputs=[list(layers)[-1]])


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path
