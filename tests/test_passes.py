"""Each pass on graphs made by hand: the ops that result, the outputs that stay equal, and what is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from graphs import IMAGE, OUTPUT, RELU, conv, dense, evaluated, graph_of, kinds, node, random, report_for, scale_shift
from spikeport import GraphError
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import (
    Activation,
    Add,
    Concatenate,
    Crop,
    Identity,
    Input,
    MaxPool,
    Output,
    OverTime,
    Pad,
    Permute,
    PReLU,
    Reduce,
    Reshape,
    ScaleShift,
)
from spikeport.converter.passes import MAX_POOLS, pipeline_for, run_passes

PASSES = {type(change).__name__: change for name in MAX_POOLS for change in pipeline_for(name)}
X = node("x", IMAGE)
Y = node("y", OUTPUT, "end")
POOL = MaxPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 1), (0, 1)))
PAD = Pad(padding=((1, 0), (0, 2), (0, 0)))
FIRST, LAST = Permute(order=(2, 0, 1)), Permute(order=(1, 2, 0))
LEAKY = Activation(function="relu", arguments={"negative_slope": 0.2})
CAPPED = Activation(function="relu", arguments={"max_value": 0.7})
FALLING = Activation(function="relu", arguments={"negative_slope": -0.2})
JUMPING = Activation(function="relu", arguments={"threshold": 0.5})
RISING = np.array([0.5, 0.0, 2.0], np.float32)
MOST = Reduce(axes=(0, 1), keepdims=False, how="max")
SOFTMAX = Activation(function="softmax")
NO_PAD = ((0, 0),) * 3


@dataclass(frozen=True)
class Case:
    """The graph given, and the kinds of ops that result; none means that the pass leaves the graph alone."""

    change: str
    nodes: tuple[Node, ...]
    result: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("y",)
    became: dict[str, str] = field(default_factory=dict)


CASES = {
    # DropIdentities
    "an identity": Case("DropIdentities", (X, node("end", Identity(), "x"), Y), ("Input", "Output")),
    "identities in a row": Case(
        "DropIdentities",
        (X, node("a", Identity(), "x"), node("b", Identity(), "a"), node("end", conv(), "b"), Y),
        ("Input", "Conv", "Output"),
    ),
    "what moves nothing": Case(
        "DropIdentities",
        (
            X,
            node("a", Reshape(shape=(5, 7, 2)), "x"),
            node("b", Permute(order=(0, 1, 2)), "a"),
            node("c", Pad(padding=NO_PAD), "b"),
            node("d", Crop(cropping=NO_PAD), "c"),
            node("end", Concatenate(axis=2), "d"),
            Y,
        ),
        ("Input", "Output"),
    ),
    "a reshape that moves": Case("DropIdentities", (X, node("end", Reshape(shape=(7, 5, 2)), "x"), Y)),
    "a pad that adds": Case("DropIdentities", (X, node("end", PAD, "x"), Y)),
    # CancelPermutes
    "there and back": Case(
        "CancelPermutes", (X, node("a", FIRST, "x"), node("end", LAST, "a"), Y), ("Input", "Output")
    ),
    "two that become one": Case(
        "CancelPermutes", (X, node("a", FIRST, "x"), node("end", FIRST, "a"), Y), ("Input", "Permute", "Output")
    ),
    "around an activation": Case(
        "CancelPermutes",
        (X, node("a", FIRST, "x"), node("b", RELU, "a"), node("c", LAST, "b"), node("end", conv(), "c"), Y),
        ("Input", "Activation", "Conv", "Output"),
    ),
    "around a sum": Case(
        "CancelPermutes",
        (
            X,
            node("c", conv(2, 2), "x"),
            node("a", FIRST, "x"),
            node("b", FIRST, "c"),
            node("sum", Add(), "a", "b"),
            node("end", LAST, "sum"),
            Y,
        ),
        ("Input", "Conv", "Add", "Output"),
    ),
    "around a softmax": Case(
        "CancelPermutes", (X, node("a", FIRST, "x"), node("b", SOFTMAX, "a"), node("end", LAST, "b"), Y)
    ),
    "a permute that others read": Case(
        "CancelPermutes",
        (X, node("a", FIRST, "x"), node("end", RELU, "a"), Y, node("z", OUTPUT, "a")),
        outputs=("y", "z"),
    ),
    "a sum of unlike permutes": Case(
        "CancelPermutes",
        (
            node("x", Input(shape=(5, 5, 5))),
            node("a", FIRST, "x"),
            node("b", LAST, "x"),
            node("end", Add(), "a", "b"),
            Y,
        ),
    ),
    # AbsorbReadOut
    "the last activation": Case(
        "AbsorbReadOut",
        (X, node("c", conv(), "x"), node("end", SOFTMAX, "c"), Y),
        ("Input", "Conv", "Output"),
        became={"end": "read-out"},
    ),
    "an activation that others read": Case(
        "AbsorbReadOut",
        (X, node("end", RELU, "x"), Y, node("c", conv(), "end"), node("z", OUTPUT, "c")),
        ("Input", "Output", "Activation", "Conv", "Output"),
        outputs=("y", "z"),
        became={"end": "linear"},
    ),
    "no activation": Case("AbsorbReadOut", (X, node("end", conv(), "x"), Y)),
    "a read-out that has one": Case(
        "AbsorbReadOut", (X, node("end", RELU, "x"), node("y", Output(function="tanh"), "end"))
    ),
    # SplitPiecewise
    "a slope": Case(
        "SplitPiecewise",
        (X, node("end", LEAKY, "x"), Y),
        ("Input", "Activation", "ScaleShift", "Activation", "Add", "Output"),
        became={"end": "spiking-pair"},
    ),
    "a maximum": Case(
        "SplitPiecewise",
        (X, node("end", Activation(function="relu", arguments={"max_value": 0.5}), "x"), Y),
        ("Input", "Activation", "ScaleShift", "Activation", "Add", "Output"),
    ),
    "a slope and a maximum": Case(
        "SplitPiecewise",
        (X, node("end", Activation(function="relu", arguments={"max_value": 0.5, "negative_slope": 0.1}), "x"), Y),
        ("Input", "Activation", "ScaleShift", "Activation", "ScaleShift", "Activation", "Add", "Output"),
    ),
    "trained slopes": Case(
        "SplitPiecewise",
        (X, node("end", PReLU(alpha=random(5, 7, 2)), "x"), Y),
        ("Input", "Activation", "ScaleShift", "Activation", "ScaleShift", "Add", "Output"),
        became={"end": "spiking-pair"},
    ),
    "a plain relu": Case("SplitPiecewise", (X, node("end", RELU, "x"), Y)),
    "a threshold": Case(
        "SplitPiecewise", (X, node("end", Activation(function="relu", arguments={"threshold": 0.3}), "x"), Y)
    ),
    "a smooth activation": Case("SplitPiecewise", (X, node("end", SOFTMAX, "x"), Y)),
    # FoldBatchNorm
    "into a conv": Case(
        "FoldBatchNorm",
        (X, node("c", conv(), "x"), node("end", scale_shift(3), "c"), Y),
        ("Input", "Conv", "Output"),
        became={"c": "linear", "end": "folded"},
    ),
    "into a dense without bias": Case(
        "FoldBatchNorm",
        (X, node("d", dense(2, 4, bias=False), "x"), node("end", scale_shift(4), "d"), Y),
        ("Input", "Dense", "Output"),
    ),
    "one scale for all": Case(
        "FoldBatchNorm",
        (X, node("d", dense(2, 4), "x"), node("end", scale_shift(1), "d"), Y),
        ("Input", "Dense", "Output"),
    ),
    "two in a row": Case(
        "FoldBatchNorm",
        (
            X,
            node("a", scale_shift(1), "x"),
            node("b", scale_shift(2), "a"),
            node("end", scale_shift(2, seed=4), "b"),
            Y,
        ),
        ("Input", "ScaleShift", "Output"),
    ),
    "a scale for each value": Case(
        "FoldBatchNorm",
        (
            X,
            node("c", conv(), "x"),
            node("end", ScaleShift(scale=random(5, 7, 3), shift=random(1)), "c"),
            Y,
        ),
    ),
    "a conv that others read": Case(
        "FoldBatchNorm",
        (X, node("c", conv(), "x"), node("end", scale_shift(3), "c"), Y, node("z", OUTPUT, "c")),
        outputs=("y", "z"),
    ),
    "behind a relu": Case("FoldBatchNorm", (X, node("r", RELU, "x"), node("end", scale_shift(2), "r"), Y)),
    # PoolBeforeNeurons
    "a pool behind a relu": Case(
        "PoolBeforeNeurons",
        (X, node("c", conv(), "x"), node("r", RELU, "c"), node("end", POOL, "r"), Y),
        ("Input", "Conv", "MaxPool", "Activation", "Output"),
        became={"end": "max-pool-before-neurons"},
    ),
    "a pool behind a pad behind a relu": Case(
        "PoolBeforeNeurons",
        (X, node("r", RELU, "x"), node("p", PAD, "r"), node("end", POOL, "p"), Y),
        ("Input", "Pad", "MaxPool", "Activation", "Output"),
    ),
    "two pools": Case(
        "PoolBeforeNeurons",
        (X, node("r", RELU, "x"), node("p", POOL, "r"), node("end", POOL, "p"), Y),
        ("Input", "MaxPool", "MaxPool", "Activation", "Output"),
    ),
    "a relu that others read": Case(
        "PoolBeforeNeurons",
        (X, node("r", RELU, "x"), node("end", POOL, "r"), Y, node("z", OUTPUT, "r")),
        outputs=("y", "z"),
    ),
    **{
        f"a pool behind {name}": Case(
            "PoolBeforeNeurons",
            (X, node("r", op, "x"), node("end", POOL, "r"), Y),
            ("Input", "MaxPool", op.kind, "Output") if moves else (),
        )
        for name, op, moves in [
            ("a leaky relu", LEAKY, True),
            ("a capped relu", CAPPED, True),
            ("a relu that falls", FALLING, False),
            ("a relu that jumps", JUMPING, False),
            ("a sigmoid", Activation(function="sigmoid"), False),
            ("a slope for each channel", PReLU(alpha=np.array([[[0.3, 0.0]]], np.float32)), True),
            ("a slope below 0", PReLU(alpha=np.array([[[0.3, -0.1]]], np.float32)), False),
            ("a slope for each value", PReLU(alpha=np.full((5, 7, 2), 0.1, np.float32)), False),
        ]
    },
    **{
        f"a pool behind {name} behind a relu": Case(
            "PoolBeforeNeurons",
            (X, node("c", conv(), "x"), node("r", RELU, "c"), node("s", op, "r"), node("end", POOL, "s"), Y),
            result,
        )
        for name, op, result in [
            (
                "a scale for each channel",
                ScaleShift(scale=RISING, shift=random(3)),
                ("Input", "Conv", "MaxPool", "Activation", "ScaleShift", "Output"),
            ),
            ("a scale below 0", ScaleShift(scale=-RISING, shift=random(3)), ()),
            (
                "a scale of its own for each value",
                ScaleShift(scale=np.full((5, 7, 3), 0.5, np.float32), shift=random(3)),
                (),
            ),
            (
                "a crop",
                Crop(cropping=((1, 0), (0, 0), (0, 0))),
                ("Input", "Conv", "Crop", "MaxPool", "Activation", "Output"),
            ),
            (
                "a reshape",
                Reshape(shape=(7, 5, 3)),
                ("Input", "Conv", "Reshape", "MaxPool", "Activation", "Output"),
            ),
        ]
    },
    **{
        f"a pool behind zeros behind {name}": Case(
            "PoolBeforeNeurons",
            (
                X,
                node("c", conv(), "x"),
                node("r", RELU, "c"),
                node("s", op, "r"),
                node("p", PAD, "s"),
                node("end", POOL, "p"),
                Y,
            ),
            result,
        )
        for name, op, result in [
            (
                "a scale",
                ScaleShift(scale=RISING, shift=np.zeros(1, np.float32)),
                ("Input", "Conv", "Pad", "MaxPool", "Activation", "ScaleShift", "Output"),
            ),
            ("a shift", ScaleShift(scale=RISING, shift=-random(3)), ()),
        ]
    },
    "a maximum over whole axes": Case(
        "PoolBeforeNeurons",
        (X, node("r", RELU, "x"), node("end", MOST, "r"), Y),
        ("Input", "Reduce", "Activation", "Output"),
        became={"end": "max-pool-before-neurons"},
    ),
    "a maximum over channels of slopes": Case(
        "PoolBeforeNeurons",
        (X, node("r", PReLU(alpha=RISING[:2]), "x"), node("end", Reduce(axes=(2,), keepdims=True, how="max"), "r"), Y),
    ),
    "a minimum": Case(
        "PoolBeforeNeurons",
        (X, node("r", RELU, "x"), node("end", Reduce(axes=(0,), keepdims=False, how="min"), "r"), Y),
    ),
    "a pool over time": Case(
        "PoolBeforeNeurons",
        (
            node("x", Input(shape=(3, 5, 2))),
            node("r", RELU, "x"),
            node("end", OverTime(op=MaxPool(pool_size=(2,), strides=(2,), padding=((0, 0),))), "r"),
            Y,
        ),
        ("Input", "OverTime", "Activation", "Output"),
    ),
    "channels side by side": Case(
        "PoolBeforeNeurons",
        (
            X,
            node("c", conv(2, 3), "x"),
            node("a", RELU, "c"),
            node("b", LEAKY, "x"),
            node("both", Concatenate(axis=2), "a", "b"),
            node("end", POOL, "both"),
            Y,
        ),
        ("Input", "Conv", "MaxPool", "Activation", "MaxPool", "Activation", "Concatenate", "Output"),
        became={"end": "max-pool-before-neurons"},
    ),
    "rows side by side": Case(
        "PoolBeforeNeurons",
        (
            X,
            node("a", RELU, "x"),
            node("b", RELU, "x"),
            node("both", Concatenate(axis=0), "a", "b"),
            node("end", POOL, "both"),
            Y,
        ),
    ),
    "channels side by side, some not from a relu": Case(
        "PoolBeforeNeurons",
        (X, node("a", RELU, "x"), node("both", Concatenate(axis=2), "a", "x"), node("end", POOL, "both"), Y),
    ),
    # GateMaxPooling
    "a gate behind a relu": Case(
        "GateMaxPooling",
        (X, node("r", RELU, "x"), node("end", POOL, "r"), Y),
        ("Input", "Activation", "MaxPool", "Output"),
        became={"end": "max-pool-gate"},
    ),
    "no pool to gate": Case("GateMaxPooling", (X, node("end", RELU, "x"), Y)),
    "a pool behind a conv": Case("PoolBeforeNeurons", (X, node("c", conv(), "x"), node("end", POOL, "c"), Y)),
}


def assert_same_outputs(actual: Graph, expected: Graph) -> None:
    for ours, theirs in zip(evaluated(actual), evaluated(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_pass_makes_what_its_picture_says(case):
    graph = graph_of(*case.nodes, outputs=case.outputs)
    report = report_for(graph)
    result = PASSES[case.change](graph, report)
    assert kinds(result) == (list(case.result) or kinds(graph))
    assert result.outputs == graph.outputs
    assert_same_outputs(result, graph)
    assert {layer: report.code_of(layer) for layer in case.became} == case.became
    again = PASSES[case.change](result, report)
    assert kinds(again) == kinds(result)
    assert list(again.nodes) == list(result.nodes)


def test_every_pass_has_a_case_and_one_where_it_leaves_the_graph_alone():
    assert {case.change for case in CASES.values()} == set(PASSES)
    assert {case.change for case in CASES.values() if not case.result} == set(PASSES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_whole_pipeline_keeps_the_outputs(case):
    graph = graph_of(*case.nodes, outputs=case.outputs)
    result = run_passes(graph, report_for(graph))
    assert result.outputs == graph.outputs
    assert_same_outputs(result, graph)


def test_a_fusion_keeps_the_layers_that_it_came_from():
    graph = graph_of(X, node("c", conv(), "x"), node("end", scale_shift(3), "c"), Y)
    result = PASSES["FoldBatchNorm"](graph, report_for(graph))
    assert result.nodes["c"].layers == ("c", "end")


class Breaks:
    def __call__(self, graph: Graph, report: Any) -> Graph:
        return graph.rewritten([node("end", dense(9, 3), "x")])


class Renames:
    def __call__(self, graph: Graph, report: Any) -> Graph:
        return Graph.build(graph.nodes.values(), {"other": "y"})


@pytest.mark.parametrize(
    "change, message",
    [(Breaks(), r"Breaks: end \(Dense\): Dense expected 9"), (Renames(), "Renames: expected the outputs")],
)
def test_a_pass_that_breaks_the_graph_is_named(change, message):
    graph = graph_of(X, node("end", RELU, "x"), Y)
    with pytest.raises(GraphError, match=message):
        run_passes(graph, report_for(graph), (change,))
