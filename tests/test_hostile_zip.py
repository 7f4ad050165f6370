"""Zip files that are damaged, unpack to a thousand times their size, or hold what is no model."""

from __future__ import annotations

import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

import small_files
from hostile_files import read_zip, refused, tried, write_zip


def test_a_file_is_told_by_its_content_and_not_by_its_name(tmp_path):
    assert tried(small_files.write_h5(tmp_path / "model.keras")) == "read"
    assert tried(small_files.write_keras(tmp_path / "model.h5")) == "read"


def test_a_member_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path, little_memory):
    for member in ("config.json", "metadata.json", "model.weights.h5"):
        path = tmp_path / "model.keras"
        small_files.write_keras(path)
        members = read_zip(path)
        members[member] = b" " * (200 * 2**20) if member.endswith("json") else b"\0" * (200 * 2**20)
        write_zip(path, members, zipfile.ZIP_DEFLATED)
        del members
        tracemalloc.reset_peak()
        refused(path, "plausible size|at most")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_read(compression, small_keras, tmp_path):
    assert tried(write_zip(tmp_path / "model.keras", read_zip(small_keras), compression)) == "read"


@pytest.mark.parametrize("member", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_missing_member_is_named(member, small_keras, tmp_path):
    members = read_zip(small_keras)
    del members[member]
    refused(write_zip(tmp_path / "model.keras", members), member)


def test_a_zip_without_members_is_refused(tmp_path):
    path = write_zip(tmp_path / "model.keras", {})
    refused(path)
    refused(write_zip(path, {"readme.txt": b"nothing"}))


def test_other_members_are_ignored_whatever_they_hold(tmp_path, canary):
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (canary,))

    extra = {
        "evil.pkl": pickle.dumps(Runs()),
        "../../outside.txt": b"outside",
        "/tmp/outside.txt": b"outside",
        "config.json.py": b"raise SystemExit",
        "model.weights.h5/../x": b"",
    }
    before = sorted(tmp_path.parent.iterdir())
    assert tried(small_files.write_keras(tmp_path / "model.keras", extra=extra)) == "read"
    assert sorted(tmp_path.parent.iterdir()) == before


def test_an_encrypted_member_is_refused(small_keras, tmp_path):
    data = bytearray(small_keras.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(signature, place + 1)
    path = tmp_path / "model.keras"
    path.write_bytes(data)
    refused(path)


def test_weights_that_are_no_hdf5_are_refused(small_keras, tmp_path):
    members = read_zip(small_keras)
    for data in (b"", b"text", members["model.weights.h5"][:-900], members["config.json"]):
        path = write_zip(tmp_path / "model.keras", {**members, "model.weights.h5": data})
        assert tried(path) == "SourceError"
