"""Notes on the whole network: what acts in training only, and what between neurons a chip lacks."""

from __future__ import annotations

import pytest

from graphs import OUTPUT, RELU, conv, dense, graph_of, node, random, report_for
from spikeport.converter.layer_call import LayerCall, ModelRecord
from spikeport.converter.ops import Activation, AvgPool, Conv, Input, MaxPool, Multiply, Reshape
from spikeport.converter.report import ReportBuilder
from spikeport.converter.spiking import note_what_chips_lack
from spikeport.converter.training_only import note_training_only, training_only_arguments

L2 = {"class_name": "L2", "config": {"l2": 1e-4}}
IMAGE = Input(shape=(4, 4, 2))
POOL = MaxPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"units": 3, "kernel_regularizer": None}, ()),
        (
            {"kernel_regularizer": L2, "bias_constraint": {"class_name": "NonNeg"}},
            ("kernel_regularizer", "bias_constraint"),
        ),
        ({"depthwise_regularizer": "l2"}, ("depthwise_regularizer",)),
        ({"layer": {"class_name": "Dense", "config": {"activity_regularizer": "l1"}}}, ("activity_regularizer",)),
    ],
)
def test_regularisers_and_constraints_are_found(config, found):
    assert training_only_arguments(config) == found


def record_of(*calls: LayerCall) -> ModelRecord:
    return ModelRecord(name="m", origin="", keras_version="", calls=calls, outputs={})


def test_one_note_names_each_argument_with_its_layers():
    report = ReportBuilder("m")
    note_training_only(
        record_of(
            LayerCall(name="a", layer_type="Dense", config={"kernel_regularizer": L2, "bias_regularizer": L2}),
            LayerCall(name="b", layer_type="Dense", config={"kernel_regularizer": L2}),
        ),
        report,
    )
    (note,) = report.build().notes
    assert (note.code, note.detail) == ("training-only", "kernel_regularizer of a, b; bias_regularizer of a")


def test_nothing_is_noted_where_nothing_was_left_aside():
    report = ReportBuilder("m")
    note_training_only(record_of(LayerCall(name="a", layer_type="Dense", config={"kernel_regularizer": None})), report)
    assert report.build().notes == ()


def noted(*between: tuple[str, object]) -> str:
    """The note's details for ops between two ReLUs, "" where there is none."""
    nodes = [node("x", IMAGE), node("first", conv(), "x"), node("relu", RELU, "first")]
    for name, op in between:
        nodes.append(node(name, op, nodes[-1].name))
    nodes += [node("last", RELU, nodes[-1].name), node("y", OUTPUT, "last")]
    graph = graph_of(*nodes)
    report = report_for(graph)
    note_what_chips_lack(graph, report)
    notes = report.build().notes
    assert all(note.code == "not-for-chips" for note in notes)
    return notes[0].detail if notes else ""


CUBE = Conv(kernel=random(1, 1, 1, 3, 2), strides=(1, 1, 1), dilation=(1, 1, 1), padding=((0, 0),) * 3)


@pytest.mark.parametrize(
    ("between", "detail"),
    [
        ((("pool", POOL),), "pool: a maximum"),
        ((("sig", Activation(function="sigmoid")), ("pool", POOL)), "sig: not linear; pool: a maximum"),
        ((("cubes", Reshape(shape=(2, 2, 4, 3))), ("c3", CUBE)), "c3: a convolution in 3 dimensions"),
        ((("conv", conv(3, 3)), ("mean", AvgPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))))), ""),
    ],
    ids=["maximum", "two", "three dimensions", "weighted sums"],
)
def test_what_is_no_weighted_sum_between_neurons_is_named(between, detail):
    assert noted(*between) == detail


def test_what_stands_before_the_first_neurons_or_behind_the_last_is_not_named():
    graph = graph_of(
        node("x", IMAGE),
        node("pool", POOL, "x"),
        node("flat", Reshape(shape=(8,)), "pool"),
        node("hidden", dense(8, 4), "flat"),
        node("relu", RELU, "hidden"),
        node("square", Multiply(), "relu", "relu"),
        node("y", OUTPUT, "square"),
    )
    report = report_for(graph)
    note_what_chips_lack(graph, report)
    assert report.build().notes == ()
