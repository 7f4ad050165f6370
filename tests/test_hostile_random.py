"""Damage at random: a file is read, or ends in one of our errors."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import small_files
from hostile_files import graph_config, tried
from small_files import changed, layer, small_config


def cuts(size: int) -> list[int]:
    return [*range(0, 64, 8), *range(64, size, max(1, size // 60)), size - 1]


@pytest.mark.parametrize("kind", ["h5", "keras"])
def test_every_cut_is_an_error(kind, small_h5, small_keras, tmp_path):
    data = (small_h5 if kind == "h5" else small_keras).read_bytes()
    path = tmp_path / f"model.{kind}"
    for end in cuts(len(data)):
        path.write_bytes(data[:end])
        assert tried(path) in ("SourceError", "ConversionError"), f"cut to {end} bytes"


def small_bytes(kind: str) -> bytes:
    """The bytes of the small model's file, for tests that run too often for fixtures."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write = small_files.write_h5 if kind == "h5" else small_files.write_keras
        return write(Path(folder) / "model").read_bytes()


BYTES = {kind: small_bytes(kind) for kind in ("h5", "keras")}
OFTEN = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@OFTEN
@given(
    kind=st.sampled_from(["h5", "keras"]),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    ),
)
def test_random_bytes_in_a_file_are_an_error_or_a_model(kind, changes, tmp_path):
    data = bytearray(BYTES[kind])
    for place, new in changes:
        start = int(place * len(data))
        data[start : start + len(new)] = new
    path = tmp_path / f"model.{kind}"
    path.write_bytes(bytes(data))
    tried(path)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["Dense", "conv"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a config."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


GRAPH = graph_config(
    a=(layer("Dense", "a", units=4, activation={"class_name": "ReLU", "config": {"max_value": 6}}), ["in"]),
    b=(graph_config(inner=(layer("ReLU", "inner"), ["in"])), ["a"]),
    c=(layer("Concatenate", "c", axis=-1), ["a", "b"]),
)
CONFIGS = [small_config(), GRAPH]


@OFTEN
@given(which=st.integers(0, 1), data=st.data())
def test_random_values_in_a_config_are_an_error_or_a_model(which, data, tmp_path):
    config = copy.deepcopy(CONFIGS[which])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(config)))
        config = changed(config, *path, to=data.draw(JSON_VALUES))
    version = data.draw(st.sampled_from(["3.8.0", "2.4.0", "1.2.2", ""]))
    if data.draw(st.booleans()):
        tried(small_files.write_h5(tmp_path / "model.h5", json.dumps(config), version=version))
    else:
        tried(small_files.write_keras(tmp_path / "model.keras", json.dumps(config)))
