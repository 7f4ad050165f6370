"""Sequences as inputs: which arrays are taken for one, for how many steps, and that each step's current is used."""

from __future__ import annotations

import importlib.util
from typing import Any, NamedTuple

import numpy as np
import pytest

import small_files
import spikeport
from comparison import assert_same_events
from small_files import functional, layer
from spikeport import DataError, UsageError
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Input, Output
from spikeport.samples import as_samples, averaged, sequence_steps

BACKENDS = ("cpu", "nengo")


def graph_with_inputs(*shapes: tuple[int, ...]) -> Graph:
    """Inputs called in0, in1 … and nothing else of interest."""
    nodes = [Node(name=f"in{i}", op=Input(shape=shape)) for i, shape in enumerate(shapes)]
    outputs = [Node(name=f"output:{node.name}", op=Output(), inputs=(node.name,)) for node in nodes]
    return Graph.build([*nodes, *outputs], {node.name: f"output:{node.name}" for node in nodes})


IMAGE = graph_with_inputs((4, 5, 1))
SQUARE = graph_with_inputs((3, 3))
VECTOR = graph_with_inputs((12,))
VALUE = graph_with_inputs((1,))
TWO = graph_with_inputs((3,), (2, 2))


class Reading(NamedTuple):
    name: str
    graph: Graph
    shapes: list[tuple[int, ...]]  # of the arrays given
    steps: int | None  # None: constants
    taken: list[tuple[int, ...]]


READINGS = [
    Reading("constant", IMAGE, [(7, 4, 5, 1)], None, [(7, 4, 5, 1)]),
    Reading("sequence", IMAGE, [(7, 9, 4, 5, 1)], 9, [(7, 9, 4, 5, 1)]),
    Reading("constant-without-channel", IMAGE, [(7, 4, 5)], None, [(7, 4, 5, 1)]),
    Reading("constant-with-an-axis-moved", IMAGE, [(7, 1, 4, 5)], None, [(7, 4, 5, 1)]),
    Reading("constant-with-an-axis-too-many", IMAGE, [(7, 1, 4, 5, 1)], None, [(7, 4, 5, 1)]),
    Reading("square-constant", SQUARE, [(3, 3, 3)], None, [(3, 3, 3)]),
    Reading("square-sequence", SQUARE, [(3, 3, 3, 3)], 3, [(3, 3, 3, 3)]),
    Reading("vector-that-an-image-is-flattened-to", VECTOR, [(7, 3, 4)], None, [(7, 12)]),
    Reading("vector-sequence", VECTOR, [(7, 5, 12)], 5, [(7, 5, 12)]),
    Reading("vector-sequence-as-long-as-wide", VECTOR, [(7, 12, 12)], 12, [(7, 12, 12)]),
    Reading("vector-with-an-axis-too-many", VECTOR, [(7, 12, 1)], None, [(7, 12)]),
    Reading("value", VALUE, [(7,)], None, [(7, 1)]),
    Reading("value-over-time", VALUE, [(7, 12, 1)], 12, [(7, 12, 1)]),
    Reading("mixed", TWO, [(7, 3), (7, 5, 2, 2)], 5, [(7, 3), (7, 5, 2, 2)]),
    Reading("both", TWO, [(7, 5, 3), (7, 5, 2, 2)], 5, [(7, 5, 3), (7, 5, 2, 2)]),
]


@pytest.mark.parametrize("case", READINGS, ids=lambda case: case.name)
def test_a_sequence_has_one_more_axis_than_a_sample(case):
    given: Any = [np.zeros(shape) for shape in case.shapes]
    arrays = as_samples(case.graph, given if len(given) > 1 else given[0], sequences=True)
    assert [a.shape for a in arrays] == case.taken
    assert sequence_steps(case.graph, arrays) == case.steps
    again = as_samples(case.graph, arrays if len(arrays) > 1 else arrays[0], sequences=True)
    assert [a.shape for a in again] == case.taken
    means = averaged(case.graph, arrays, 4)
    assert [a.shape for a in means] == [(7 if case.graph is not SQUARE else 3, *n.shape) for n in case.graph.inputs]


class Misread(NamedTuple):
    name: str
    graph: Graph
    shapes: list[tuple[int, ...]]
    sequences: bool
    words: str


MISREAD = [
    Misread("where-none-are-taken", IMAGE, [(7, 9, 4, 5, 1)], False, r"\(n, 4, 5, 1\), received \(7, 9, 4, 5, 1\)"),
    Misread("without-channel", IMAGE, [(7, 9, 4, 5)], True, r"or sequences \(n, steps, 4, 5, 1\), received \(7, 9, 4"),
    Misread("two-axes-more", IMAGE, [(7, 9, 2, 4, 5, 1)], True, "expected samples of shape"),
    Misread("no-steps", IMAGE, [(7, 0, 4, 5, 1)], True, "expected samples of shape"),
    Misread("two-lengths", TWO, [(7, 5, 3), (7, 6, 2, 2)], True, "sequences of one length, received 5 and 6 steps"),
]


@pytest.mark.parametrize("case", MISREAD, ids=lambda case: case.name)
def test_what_is_neither_constant_nor_sequence_is_refused(case):
    given: Any = [np.zeros(shape) for shape in case.shapes]
    with pytest.raises(DataError, match=case.words):
        as_samples(case.graph, given if len(given) > 1 else given[0], sequences=case.sequences)


# In a network


@pytest.fixture(scope="module", params=["graded", "binary"])
def net(request, small_h5) -> spikeport.SpikingNetwork:
    return spikeport.convert(small_h5, small_files.samples(32), target_steps=20, neurons=request.param)


CLIPS = np.random.default_rng(7).random((3, 9, 6, 6, 1), np.float32)


@pytest.mark.parametrize("encoder", [None, "poisson", "delta"])
def test_cpu_and_nengo_send_the_same_events_for_a_sequence(net, encoder):
    cpu, nengo = (net.run(CLIPS, backend=backend, encoder=encoder, record=["conv"]) for backend in BACKENDS)
    assert cpu.n_steps == nengo.n_steps == 9
    assert cpu.events["conv"].any()
    assert_same_events(cpu.events, nengo.events)
    for name, values in cpu.outputs_over_time.items():
        np.testing.assert_allclose(values, nengo.outputs_over_time[name], atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sequence_that_does_not_change_is_a_constant(net, backend):
    x = small_files.samples(2)
    still = np.repeat(x[:, None], 11, axis=1)
    sequence, constant = (net.run(each, 11, backend=backend, record=["conv"]) for each in (still, x))
    assert_same_events(sequence.events, constant.events)
    np.testing.assert_allclose(sequence.output, constant.output, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fewer_steps_cut_a_sequence_and_more_are_refused(net, backend):
    whole, cut = net.run(CLIPS, backend=backend), net.run(CLIPS, 4, backend=backend)
    np.testing.assert_allclose(cut.outputs_over_time["scores"], whole.outputs_over_time["scores"][:, :4], atol=1e-6)
    with pytest.raises(UsageError, match="at most 9 steps, the length of the sequence, received 10"):
        net.run(CLIPS, 10, backend=backend)


def test_the_rate_network_gets_the_mean_over_the_steps(net):
    expected = net.run(CLIPS.mean(axis=1), spiking=False).output
    np.testing.assert_allclose(net.run(CLIPS, spiking=False).output, expected, atol=1e-6)
    expected = net.run(CLIPS[:, :4].mean(axis=1), spiking=False).output
    np.testing.assert_allclose(net.run(CLIPS, 4, spiking=False).output, expected, atol=1e-6)


def test_the_answer_to_a_long_sequence_comes_near_that_to_its_mean(net):
    long = np.tile(CLIPS, (1, 60, 1, 1, 1))
    expected = net.run(long, spiking=False).output
    assert np.abs(net.run(long).output - expected).max() < 0.03


def test_a_sequence_is_scored_beside_its_mean(net):
    y = net.run(CLIPS, spiking=False).output.argmax(axis=1)
    score = spikeport.evaluate(net, CLIPS, y)
    assert (score.steps, score.samples, score.keras_accuracy, len(score.accuracy)) == (9, 3, 1.0, 9)


@pytest.mark.parametrize("encoder", [None, {"left": "poisson"}, {"left": "delta", "right": "first-spike"}], ids=str)
def test_one_input_may_be_a_sequence_and_another_constant(tmp_path, encoder):
    config = functional(
        {
            "left": (layer("InputLayer", "left", batch_input_shape=[None, 3]), []),
            "right": (layer("InputLayer", "right", batch_input_shape=[None, 2]), []),
            "both": (layer("Concatenate", "both", axis=-1), ["left", "right"]),
            "hidden": (layer("Dense", "hidden", units=7, activation="relu"), ["both"]),
            "sum": (layer("Dense", "sum", units=1, activation="linear"), ["hidden"]),
        },
        outputs=["sum"],
    )
    rng = np.random.default_rng(4)
    weights = {
        name: {"kernel": rng.normal(size=shape), "bias": rng.normal(size=shape[1]) / 4}
        for name, shape in (("hidden", (5, 7)), ("sum", (7, 1)))
    }
    path = small_files.write_h5(tmp_path / "two.h5", config, weights, version="2.4.0")
    net = spikeport.convert(path, [small_files.samples(20, (3,)), small_files.samples(20, (2,))])
    x = {"left": small_files.samples(4, (8, 3)), "right": small_files.samples(4, (2,))}
    cpu, nengo = (net.run(x, backend=backend, encoder=encoder, record=["hidden"]) for backend in BACKENDS)
    assert cpu.n_steps == 8
    assert_same_events(cpu.events, nengo.events)
    assert (cpu.input_events is None) == (encoder is None)


def test_calibration_takes_no_sequences(small_h5):
    with pytest.raises(DataError, match=r"expected samples of shape \(n, 6, 6, 1\), received \(3, 9"):
        spikeport.convert(small_h5, CLIPS)


@pytest.mark.loihi
@pytest.mark.parametrize(("x", "encoder"), [(CLIPS[:1], None), (CLIPS[:1, 0], "poisson")], ids=["sequence", "encoder"])
def test_loihi_says_that_it_takes_constant_currents(tmp_path, x, encoder):
    if importlib.util.find_spec("nengo_loihi") is None:
        pytest.skip("nengo_loihi is not installed")
    config = small_files.small_config()
    config["config"]["layers"][2]["class_name"] = "AveragePooling2D"
    path = small_files.write_h5(tmp_path / "average.h5", config)
    net = spikeport.convert(path, small_files.samples(32), target="loihi")
    with pytest.raises(UsageError, match="the loihi backend takes samples as constant currents"):
        net.run(x, backend="loihi", encoder=encoder)
