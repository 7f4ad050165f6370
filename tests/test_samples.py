"""Samples and .npz files, and what is said of those that do not fit."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from spikeport import DataError
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Input, Output
from spikeport.samples import as_samples, load_npz


def graph_with_inputs(*shapes: tuple[int, ...]) -> Graph:
    """Inputs called in0, in1 … and nothing else of interest."""
    nodes = [Node(name=f"in{i}", op=Input(shape=shape)) for i, shape in enumerate(shapes)]
    outputs = {}
    for node in nodes:
        nodes = [*nodes, Node(name=f"output:{node.name}", op=Output(), inputs=(node.name,))]
        outputs[node.name] = f"output:{node.name}"
    return Graph.build(nodes, outputs)


ONE = graph_with_inputs((4, 5, 1))
VALUE = graph_with_inputs((1,))
TWO = graph_with_inputs((3,), (2, 2))


class Fits(NamedTuple):
    name: str
    graph: Graph
    x: Any
    shapes: list[tuple[int, ...]]


FITS = [
    Fits("as-expected", ONE, np.zeros((7, 4, 5, 1)), [(7, 4, 5, 1)]),
    Fits("without-channel", ONE, np.zeros((7, 4, 5)), [(7, 4, 5, 1)]),
    Fits("with-more-ones", ONE, np.zeros((7, 1, 4, 5)), [(7, 4, 5, 1)]),
    Fits("whole-numbers", ONE, np.zeros((7, 4, 5, 1), np.uint8), [(7, 4, 5, 1)]),
    Fits("truth-values", ONE, np.zeros((7, 4, 5, 1), bool), [(7, 4, 5, 1)]),
    Fits("nested-lists", ONE, np.zeros((2, 4, 5, 1)).tolist(), [(2, 4, 5, 1)]),
    Fits("one-value", VALUE, [0.5, 0.25], [(2, 1)]),
    Fits("list-of-two", TWO, [np.zeros((7, 3)), np.zeros((7, 2, 2))], [(7, 3), (7, 2, 2)]),
    Fits("tuple-of-two", TWO, (np.zeros((7, 3)), np.zeros((7, 2, 2))), [(7, 3), (7, 2, 2)]),
    Fits("mapping", TWO, {"in1": np.zeros((7, 2, 2)), "in0": np.zeros((7, 3))}, [(7, 3), (7, 2, 2)]),
    Fits("mapping-with-more", ONE, {"in0": np.zeros((7, 4, 5, 1)), "other": "text"}, [(7, 4, 5, 1)]),
]


@pytest.mark.parametrize("case", FITS, ids=lambda case: case.name)
def test_samples_that_fit_become_float32_of_the_inputs_shape(case):
    arrays = as_samples(case.graph, case.x)
    assert [a.shape for a in arrays] == case.shapes
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


class Misfit(NamedTuple):
    name: str
    graph: Graph
    x: Any
    words: str


MISFITS = [
    Misfit("other-shape", ONE, np.zeros((7, 5, 4, 1)), r"in0: expected samples of shape \(n, 4, 5, 1\), received \(7"),
    Misfit("no-batch-axis", ONE, np.zeros((4, 5, 1)), "expected samples of shape"),
    Misfit("no-samples", ONE, np.zeros((0, 4, 5, 1)), r"expected samples of shape \(n, 4, 5, 1\), received none"),
    Misfit("a-number", ONE, 3.0, "received none"),
    Misfit("text", ONE, np.array(["a", "b"]), "expected numbers"),
    Misfit("complex", ONE, np.zeros((7, 4, 5, 1), complex), "expected numbers"),
    Misfit("objects", ONE, np.array([None, {}], object), "expected numbers"),
    Misfit("ragged", ONE, [[1.0], [1.0, 2.0]], "expected numbers"),
    Misfit("nothing", ONE, None, "expected numbers"),
    Misfit("nan", ONE, np.full((7, 4, 5, 1), np.nan), "finite"),
    Misfit("infinity", ONE, np.full((7, 4, 5, 1), np.inf), "finite"),
    Misfit("beyond-float32", ONE, np.full((7, 4, 5, 1), 1e300), "finite"),
    Misfit("one-array-for-two", TWO, np.zeros((7, 3)), r"expected 2 arrays of samples \(in0, in1\), received 1"),
    Misfit("three-for-two", TWO, [np.zeros((7, 3))] * 3, "received 3"),
    Misfit("different-counts", TWO, [np.zeros((7, 3)), np.zeros((6, 2, 2))], r"as many samples.*\[7, 6\]"),
    Misfit("missing-input", TWO, {"in0": np.zeros((7, 3)), "x": 1}, "for the inputs in1, received in0, x"),
]


@pytest.mark.parametrize("case", MISFITS, ids=lambda case: case.name)
def test_samples_that_do_not_fit_are_refused_in_a_sentence(case):
    with pytest.raises(DataError, match=case.words):
        as_samples(case.graph, case.x)


def test_the_callers_array_is_left_alone():
    x = np.ones((2, 4, 5), np.float32)
    (taken,) = as_samples(ONE, x)
    assert x.shape == (2, 4, 5)
    assert taken.shape == (2, 4, 5, 1)


X, Y = np.ones((3, 2)), np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": X, "y": Y}, "one"),
        ({"images": X}, "one"),
        ({"x": X, "other": X}, "one"),
        ({"x0": X, "x1": X, "y": Y}, ["x0", "x1"]),
        ({"left": X, "right": X}, {"left", "right"}),
    ],
    ids=["x-and-y", "one-of-any-name", "x-beside-others", "numbered", "by-input-name"],
)
def test_an_npz_file_holds_x_or_one_array_for_each_input(arrays, expected, tmp_path):
    np.savez(tmp_path / "d.npz", **arrays)
    x, y = load_npz(tmp_path / "d.npz")
    assert (y is not None) == ("y" in arrays)
    if expected == "one":
        np.testing.assert_array_equal(x, X)
    elif isinstance(expected, list):
        assert isinstance(x, list)
        assert len(x) == len(expected)
    else:
        assert set(x) == expected


def npz_bytes(**arrays: Any) -> bytes:
    """An .npz file in memory."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zip_bytes(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def npy_claiming(count: int) -> bytes:
    """An .npy file whose header claims more values than it holds."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def npy_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


GOOD = npz_bytes(x=np.random.default_rng(0).random((40, 40)))
SPOILED = {
    "text": b"0.1, 0.2\n",
    "empty": b"",
    "bare-array": npy_bytes(X),
    "objects": npz_bytes(x=np.array([{}, None], object)),
    "y-only": npz_bytes(y=Y),
    "no-members": npz_bytes(),
    "truncated": GOOD[:-200],
    "half": GOOD[: len(GOOD) // 2],
    "damaged-data": GOOD[:200] + b"\xff" * 100 + GOOD[300:],
    "not-an-array": zip_bytes("x.npy", b"hello"),
    "not-an-array-by-name": zip_bytes("x", b"hello"),
    "unclosed-header": zip_bytes("x.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'("),
    "claims-petabytes": zip_bytes("x.npy", npy_claiming(10**15)),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_file_that_is_no_npz_of_plain_arrays_is_refused_in_a_sentence(name, tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(SPOILED[name])
    with pytest.raises(DataError, match=r"d\.npz: expected"):
        load_npz(path)


def test_every_cut_and_every_spoiled_byte_of_an_npz_file_is_an_error_or_an_array(tmp_path):
    small = npz_bytes(x=X)
    path = tmp_path / "d.npz"
    spoiled = [small[:end] for end in range(0, len(small), 7)]
    spoiled += [small[:i] + bytes([small[i] ^ 0x55]) + small[i + 1 :] for i in range(0, len(small))]
    for data in spoiled:
        path.write_bytes(data)
        try:
            x, _ = load_npz(path)
        except DataError:
            continue
        assert isinstance(x, np.ndarray)


def test_a_missing_file_a_folder_and_missing_labels_are_said(tmp_path):
    with pytest.raises(DataError, match="found no file"):
        load_npz(tmp_path / "none.npz")
    with pytest.raises(DataError, match="cannot be read"):
        load_npz(tmp_path)
    path = Path(tmp_path / "x.npz")
    np.savez(path, x=X)
    with pytest.raises(DataError, match="an array y of labels beside x, found x"):
        load_npz(path, labels=True)
