"""Saved networks: the round trip, writing at once or not at all, and what is refused when reading."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import small_files
import spikeport
from op_cases import CASES, graph_of
from spikeport import SourceError
from spikeport.converter import storage
from spikeport.converter.graph import Graph
from spikeport.converter.ops import OPS, HostLayer, Neurons
from spikeport.converter.report import Entry, Report

REPORT = Report(
    model="model [bold]",
    layers=(Entry(code="spiking", layer="a", layer_type="Dense", detail="x", figures={"neurons": 3, "rate": 0.5}),),
    notes=(Entry(code="no-neurons"),),
)


def network_of(graph: Graph) -> spikeport.SpikingNetwork:
    return spikeport.SpikingNetwork(graph=graph, report=REPORT, target_steps=5, provenance={"model": "é", "n": 3})


def test_every_op_has_a_case():
    assert {type(op).__name__ for op, _ in CASES} | {"Input", "Output"} == set(OPS)


@pytest.mark.parametrize(("op", "shapes"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_a_network_that_was_saved_and_read_is_the_same(op, shapes, tmp_path):
    net = network_of(graph_of(op, shapes))
    net.save(tmp_path / "net.h5")
    again = spikeport.load(tmp_path / "net.h5")

    assert again.report == net.report
    assert (again.target_steps, dict(again.provenance)) == (5, {"model": "é", "n": 3})
    assert again.graph.outputs == net.graph.outputs
    assert list(again.graph.nodes) == list(net.graph.nodes)
    for name, node in net.graph.nodes.items():
        other = again.graph.nodes[name]
        assert (other.inputs, other.layers, other.shape) == (node.inputs, node.layers, node.shape)
        assert_same_op(other.op, node.op)

    if isinstance(op, HostLayer):  # to run one imports Keras; the tests of the layers do
        return
    x = [small_files.samples(3, shape) for shape in shapes]
    x = x if len(x) > 1 else x[0]
    record = [node.name for node in net.graph.nodes.values() if isinstance(node.op, Neurons)]
    first, second = (n.run(x, n_steps=6, record=record) for n in (net, again))
    for name in record:
        np.testing.assert_array_equal(first.events[name], second.events[name])
    np.testing.assert_array_equal(first.output, second.output)


def assert_same_op(op: Any, other: Any) -> None:
    assert type(op) is type(other)
    for field in dataclasses.fields(op):
        assert_same_value(getattr(op, field.name), getattr(other, field.name))


def assert_same_value(value: Any, other: Any) -> None:
    assert type(value) is type(other) or {type(value), type(other)} == {list, tuple}
    if dataclasses.is_dataclass(value):
        assert_same_op(value, other)
    elif isinstance(value, np.ndarray):
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(value, other)
    elif isinstance(value, dict):
        assert list(value) == list(other)
        for key in value:
            assert_same_value(value[key], other[key])
    elif isinstance(value, (list, tuple)):
        assert len(value) == len(other)
        for a, b in zip(value, other, strict=True):
            assert_same_value(a, b)
    else:
        assert value == other


def test_saving_again_gives_the_same_network(small_network, tmp_path):
    spikeport.load(small_network).save(tmp_path / "again.h5")
    first, second = (spikeport.load(path) for path in (small_network, tmp_path / "again.h5"))
    x = small_files.samples(4)
    np.testing.assert_array_equal(first.run(x).output, second.run(x).output)
    assert first.report == second.report


def test_a_path_may_be_text(small_network, tmp_path):
    spikeport.load(str(small_network)).save(str(tmp_path / "net.h5"))
    assert (tmp_path / "net.h5").is_file()


# Writing: at once, or not at all


@pytest.mark.parametrize("old", [b"", b"what was there before"], ids=["new-file", "old-file"])
def test_a_write_that_fails_leaves_what_was_there(small_network, tmp_path, monkeypatch, old):
    net = spikeport.load(small_network)
    path = tmp_path / "net.h5"
    if old:
        path.write_bytes(old)

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="No space left"):
        net.save(path)
    assert [p.name for p in tmp_path.iterdir()] == (["net.h5"] if old else [])
    if old:
        assert path.read_bytes() == old


def test_a_stopped_write_leaves_no_temporary_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), storage.written_at_once(tmp_path / "net.h5") as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_replaces_an_older_one_and_has_the_usual_permissions(small_network, tmp_path):
    path = tmp_path / "net.h5"
    path.write_bytes(b"old")
    spikeport.load(small_network).save(path)
    assert spikeport.load(path).report.convertible
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.h5", "plain"]


def test_a_place_that_cannot_be_written_to_is_said(small_network, tmp_path):
    net = spikeport.load(small_network)
    with pytest.raises(SourceError, match="expected a folder"):
        net.save(tmp_path / "none" / "net.h5")
    with pytest.raises(SourceError, match="received a folder"):
        net.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


# Reading: what is refused


def spoiled(small_network: Path, path: Path, change: Any) -> Path:
    """A copy of a saved network with its structure changed by a function."""
    shutil.copy(small_network, path)
    with h5py.File(path, "r+") as file:
        structure = json.loads(file["structure"][()].tobytes())
        change(structure)
        del file["structure"]
        file["structure"] = np.frombuffer(json.dumps(structure).encode(), np.uint8)
    return path


def node(structure: dict[str, Any], op: str) -> dict[str, Any]:
    return next(n for n in structure["nodes"] if n["op"] == op)


def at(*path: Any, to: Any) -> Any:
    """A change of the value at a path; the first step of the path may name an op."""

    def change(structure: dict[str, Any]) -> None:
        place: Any = structure
        first, *rest = path
        if first in OPS:
            place = node(structure, first)
        else:
            rest = list(path)
        for step in rest[:-1]:
            place = place[step]
        place[rest[-1]] = to

    return change


WRONG_STRUCTURES = {
    "unknown-op": at("Dense", "op", to="os.system"),
    "op-of-our-own-but-abstract": at("Dense", "op", to="Op"),
    "unknown-field": at("Dense", "fields", "colour", to=3),
    "missing-nodes": at("nodes", to=None),
    "nodes-of-numbers": at("nodes", to=[1, 2]),
    "no-outputs": at("outputs", to={}),
    "dangling-output": at("outputs", to={"scores": "nobody"}),
    "output-that-is-none": at("outputs", to={"scores": "conv"}),
    "outputs-as-a-list": at("outputs", to=["output:scores"]),
    "cycle": at("Conv", "inputs", to=["flat"]),
    "dangling-input": at("Conv", "inputs", to=["nobody"]),
    "no-input": at("Conv", "inputs", to=[]),
    "number-as-name": at("Conv", "name", to=3),
    "list-as-name": at("Conv", "name", to=["conv"]),
    "missing-array": at("Dense", "fields", "kernel", to={"array": "999"}),
    "array-outside": at("Dense", "fields", "kernel", to={"array": "../structure"}),
    "array-of-no-name": at("Dense", "fields", "kernel", to={"array": 7}),
    "kernel-as-number": at("Dense", "fields", "kernel", to=3),
    "kernel-as-list": at("Dense", "fields", "kernel", to=[[1.0]]),
    "kernel-missing": at("Dense", "fields", "kernel", to=None),
    "bias-of-other-size": at("Dense", "fields", "bias", to={"array": "0"}),
    "stride-of-zero": at("Conv", "fields", "strides", to=[0, 0]),
    "stride-below-zero": at("Conv", "fields", "strides", to=[-1, 1]),
    "stride-as-text": at("Conv", "fields", "strides", to="ab"),
    "padding-as-number": at("Conv", "fields", "padding", to=1),
    "padding-below-zero": at("Conv", "fields", "padding", to=[[-9, -9], [0, 0]]),
    "padding-of-a-terabyte": at("Conv", "fields", "padding", to=[[10**9, 10**9], [10**9, 10**9]]),
    "groups-of-zero": at("Conv", "fields", "groups", to=0),
    "input-shape-as-text": at("Input", "fields", "shape", to="abc"),
    "input-shape-below-zero": at("Input", "fields", "shape", to=[-6, -6, 1]),
    "threshold-of-zero": at("Neurons", "fields", "n_max", to=0),
    "threshold-as-text": at("Neurons", "fields", "threshold", to="high"),
    "events-as-text": at("Neurons", "fields", "n_max", to="many"),
    "events-beyond-int8": at("Neurons", "fields", "n_max", to=10**6),
    "correction-as-number": at("Neurons", "fields", "correction", to=0.5),
    "voltage-as-text": at("Neurons", "fields", "initial_voltage", to="half"),
    "unknown-activation": at("Output", "fields", "function", to="eval"),
    "activation-as-list": at("Output", "fields", "function", to=["softmax"]),
    "arguments-as-list": at("Output", "fields", "arguments", to=[1]),
    "unknown-argument": at("Output", "fields", "arguments", to={"mapping": {"depth": 3}}),
    "axis-outside": at("Output", "fields", "arguments", to={"mapping": {"axis": 9}}),
    "unknown-code": at("report", "layers", 0, "code", to="no-such-code"),
    "report-missing": at("report", to=None),
    "report-entry-as-number": at("report", "layers", to=[1]),
    "figures-as-list": at("report", "layers", 0, "figures", to=[1]),
    "layer-as-number": at("report", "layers", 0, "name", to=1),
    "model-as-number": at("report", "model", to=1),
    "facts-missing": at("facts", to=None),
    "steps-missing": at("facts", to={"provenance": {}}),
    "steps-as-text": at("facts", "target_steps", to="many"),
    "steps-of-zero": at("facts", "target_steps", to=0),
    "provenance-as-text": at("facts", "provenance", to="here"),
}


@pytest.mark.parametrize("name", WRONG_STRUCTURES)
def test_a_structure_that_makes_no_network_is_refused(name, small_network, tmp_path):
    path = spoiled(small_network, tmp_path / "net.h5", WRONG_STRUCTURES[name])
    with pytest.raises(SourceError, match=r"net\.h5.*expected"):
        spikeport.load(path)


def test_a_structure_that_was_not_changed_is_read(small_network, tmp_path):
    assert spikeport.load(spoiled(small_network, tmp_path / "net.h5", lambda structure: None)).graph.nodes


def test_neurons_saved_with_one_number_as_voltage_and_without_a_correction_are_read(small_network, tmp_path):
    def older(structure: dict[str, Any]) -> None:
        for entry in structure["nodes"]:
            if entry["op"] == "Neurons":
                entry["fields"]["initial_voltage"] = 0.25
                del entry["fields"]["correction"]

    graph = spikeport.load(spoiled(small_network, tmp_path / "net.h5", older)).graph
    ops = [n.op for n in graph.nodes.values() if isinstance(n.op, Neurons)]
    assert ops
    assert all((op.initial_voltage, op.correction) == (0.25, 0) for op in ops)


@pytest.mark.parametrize("version", ["2", "0", "", "1.0"])
def test_another_format_version_is_refused(small_network, tmp_path, version):
    path = Path(shutil.copy(small_network, tmp_path / "net.h5"))
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = version
    with pytest.raises(SourceError, match=rf"expected format {storage.FORMAT_VERSION}, received '{version}'"):
        spikeport.load(path)


def test_other_files_are_refused(small_h5, small_keras, tmp_path):
    with pytest.raises(SourceError, match="found no such file"):
        spikeport.load(tmp_path / "none.h5")
    with pytest.raises(SourceError, match="found no such file"):
        spikeport.load(tmp_path)
    with pytest.raises(SourceError, match="convert it first: spikeport convert"):
        spikeport.load(small_h5)
    with pytest.raises(SourceError, match="expected a sound HDF5 file"):
        spikeport.load(small_keras)
    other = tmp_path / "other.h5"
    h5py.File(other, "w").close()
    with pytest.raises(SourceError, match=r"received another HDF5 file$"):
        spikeport.load(other)
    other.write_bytes(b"")
    with pytest.raises(SourceError):
        spikeport.load(other)


@pytest.mark.parametrize("link", ["external", "soft", "virtual", "stored-outside"])
def test_arrays_outside_of_the_file_are_refused(small_network, tmp_path, link):
    path = Path(shutil.copy(small_network, tmp_path / "net.h5"))
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["0"] = np.zeros((27, 4), np.float32)
    with h5py.File(path, "r+") as file:
        shape = file["arrays/0"].shape
        file.move("arrays/0", "moved")
        if link == "external":
            file["arrays/0"] = h5py.ExternalLink("other.h5", "0")
        elif link == "soft":
            file["arrays/0"] = h5py.SoftLink("/moved")
        elif link == "virtual":
            layout = h5py.VirtualLayout(shape, np.float32)
            file["arrays"].create_virtual_dataset("0", layout)
        else:
            raw = [(os.fspath(tmp_path / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
            file["arrays"].create_dataset("0", shape, np.float32, external=raw)
    with pytest.raises(SourceError, match=r"net\.h5.*(inside the file|plain members)"):
        spikeport.load(path)


def test_every_spoiled_byte_and_every_cut_is_an_error_or_a_network(small_network, tmp_path):
    data = small_network.read_bytes()
    path = tmp_path / "net.h5"
    rng = np.random.default_rng(0)
    places = {*range(0, 2048, 11), *rng.integers(0, len(data), 150).tolist()}
    damaged = [data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :] for i in sorted(places)]
    damaged += [data[:end] for end in range(0, len(data), len(data) // 40)]
    for damage in damaged:
        path.write_bytes(damage)
        try:
            spikeport.load(path)
        except SourceError as error:
            assert "net.h5" in str(error)
