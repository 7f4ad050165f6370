"""HDF5 files that lead out of themselves, claim more than they hold, or hold what is no model: each is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import small_files
from hostile_files import refused, tried
from small_files import changed, layer, sequential, small_config


def with_kernel(path: Path, make: Callable[[h5py.Group], None]) -> Path:
    """The small model with the kernel of its last layer made by a function."""
    small_files.write_h5(path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/scores/scores"]
        group.move("kernel:0", "moved")
        make(group)
    return path


def external_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.ExternalLink("other.h5", "kernel")


def soft_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("/model_weights/scores/scores/moved")


def dangling_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("/nowhere")


def circular_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("kernel:0")


def virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((27, 4), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "kernel", (27, 4))
    group.create_virtual_dataset("kernel:0", layout)


def stored_outside(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (27, 4), np.float32, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def huge_and_empty(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (10**6, 10**6), np.float32, chunks=(1000, 1000))


def huge_and_compressed(group: h5py.Group) -> None:
    dataset = group.create_dataset("kernel:0", (2**14, 2**12), np.float32, chunks=(2**10, 2**12), compression="gzip")
    for start in range(0, 2**14, 2**10):
        dataset[start : start + 2**10] = np.zeros((2**10, 2**12), np.float32)


def text(group: h5py.Group) -> None:
    group["kernel:0"] = np.array([b"os.system"] * 4)


def records(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros(4, [("a", "<f4"), ("b", "<i4")])


def references(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", data=np.array([group.ref], h5py.ref_dtype), dtype=h5py.ref_dtype)


def of_no_size(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", data=h5py.Empty(np.float32))


def one_number(group: h5py.Group) -> None:
    group["kernel:0"] = 3.0


def another_group(group: h5py.Group) -> None:
    group.create_group("kernel:0")


def missing(group: h5py.Group) -> None:
    pass


def of_other_rank(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros((27, 4, 1), np.float32)


def of_other_size(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros((4, 27), np.float32)


def not_finite(group: h5py.Group) -> None:
    group["kernel:0"] = np.full((27, 4), np.nan, np.float32)


def beyond_float32(group: h5py.Group) -> None:
    group["kernel:0"] = np.full((27, 4), 1e300)


KERNELS = (
    external_link,
    soft_link,
    dangling_link,
    circular_link,
    virtual,
    stored_outside,
    huge_and_empty,
    huge_and_compressed,
    text,
    records,
    references,
    of_no_size,
    one_number,
    another_group,
    missing,
    of_other_rank,
    of_other_size,
    not_finite,
    beyond_float32,
)


@pytest.mark.parametrize("make", KERNELS, ids=lambda make: make.__name__)
def test_a_dataset_that_is_no_plain_array_is_refused(make, tmp_path, little_memory):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel"] = np.ones((27, 4), np.float32)
    refused(with_kernel(tmp_path / "model.h5", make))


@pytest.mark.parametrize("name", ["../../moved", "/model_weights/conv/conv/kernel:0", "a/../moved", "", "/", "."])
def test_names_of_weights_do_not_lead_out_of_the_layers_group(name, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        file["moved"] = np.ones((27, 4), np.float32)
        file["model_weights/scores"].attrs["weight_names"] = [name.encode(), b"scores/bias:0"]
    refused(path)


@pytest.mark.parametrize("name", ["../conv", "/", "..", ".", "a/b", "conv/../scores", ""])
def test_names_of_layers_do_not_lead_to_other_groups(name, tmp_path):
    """One such layer may take the weights that are left over, by order; two may not take them twice."""
    config = changed(small_config(), "config", "layers", 4, "config", "name", to=name)
    tried(small_files.write_h5(tmp_path / "model.h5", config))
    again = layer("Dense", f"{name}2", units=4)
    config["config"]["layers"].append(again)
    refused(small_files.write_h5(tmp_path / "model.h5", config))


@pytest.mark.parametrize("place", ["model_weights", "model_weights/conv", "model_weights/scores/scores"])
@pytest.mark.parametrize("kind", ["external", "soft"])
def test_linked_groups_are_refused(place, kind, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    small_files.write_h5(tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        file.move(place, "moved")
        file[place] = h5py.ExternalLink("other.h5", place) if kind == "external" else h5py.SoftLink("/moved")
    refused(path)


# Attributes


ATTRIBUTES: dict[str, Any] = {
    "not-json": "{'class_name': 'Sequential'}",
    "empty": "",
    "a-number": 3,
    "an-array": np.arange(3),
    "several-texts": ["{}", "{}"],
    "bytes-that-are-no-text": np.void(b"\xff\xfe\x00"),
    "nothing": h5py.Empty("S1"),
    "null": "null",
    "a-list": "[]",
    "nested-lists": "[" * 100_000 + "]" * 100_000,
    "nested-objects": '{"config":' * 50_000 + "1" + "}" * 50_000,
    "a-long-number": '{"class_name": ' + "9" * 10_000 + "}",
    "twice": '{"class_name": "Sequential", "class_name": "os.system", "config": {}}',
    "cut": json.dumps(small_config())[:-9],
}


# HDF5 keeps attributes of up to 64 KiB; larger texts are tried in .keras files
@pytest.mark.parametrize("name", [n for n, v in ATTRIBUTES.items() if not isinstance(v, str) or len(v) < 2**16])
def test_a_config_that_is_no_json_object_is_refused(name, tmp_path, little_memory):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = ATTRIBUTES[name]
    refused(path)


@pytest.mark.parametrize("name", [name for name, value in ATTRIBUTES.items() if isinstance(value, str)])
def test_a_config_member_that_is_no_json_object_is_refused(name, tmp_path, little_memory):
    refused(small_files.write_keras(tmp_path / "model.keras", ATTRIBUTES[name]))


@pytest.mark.parametrize("attribute", ["keras_version", "backend"])
@pytest.mark.parametrize("value", [3, np.arange(3), "", "9" * 50, "3.x", h5py.Empty("S1")], ids=repr)
def test_a_strange_version_is_an_error_or_is_read(attribute, value, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = value
    tried(path)


@pytest.mark.parametrize("value", [3, "kernel", [1, 2], [], h5py.Empty("S1"), np.zeros((2, 2))], ids=repr)
def test_strange_names_of_weights_are_an_error(value, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        file["model_weights/scores"].attrs["weight_names"] = value
    refused(path)


def test_many_layers_that_claim_the_same_weights_take_little_memory(tmp_path, little_memory):
    kernel = np.zeros((500, 500), np.float32)
    layers = [layer("InputLayer", "in", batch_shape=[None, 500])]
    layers += [layer("Dense", f"d{i}", units=500, use_bias=False) for i in range(1000)]
    path = small_files.write_h5(tmp_path / "model.h5", sequential(*layers), {"d0": {"kernel": kernel}})
    with h5py.File(path, "r+") as file:
        for i in range(1, 1000):
            file[f"model_weights/d{i}"] = file["model_weights/d0"]  # a hard link
    refused(path, "claim more")
