"""Graphs check themselves, know who reads whom, and are rewritten without being changed."""

from __future__ import annotations

import numpy as np
import pytest

from graphs import OUTPUT, RELU, dense, evaluated, feeds_for, graph_of, kinds, node
from spikeport import GraphError
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Add, Concatenate, Identity, Input

X = node("x", Input(shape=(4,)))
CHAIN = (X, node("d", dense(4, 3), "x"), node("r", RELU, "d"), node("y", OUTPUT, "r"))


def test_nodes_are_put_in_order_with_their_shapes():
    graph = graph_of(*reversed(CHAIN))
    assert [(n.name, n.shape) for n in graph.nodes.values()] == [("x", (4,)), ("d", (3,)), ("r", (3,)), ("y", (3,))]


def test_what_nothing_reads_is_left_out_but_for_inputs():
    graph = graph_of(*CHAIN, node("unread", dense(4, 2), "x"), node("z", Input(shape=(2,))))
    assert set(graph.nodes) == {"x", "d", "r", "y", "z"}
    assert [n.name for n in graph.inputs] == ["x", "z"]


WRONG = {
    "a name twice": ([*CHAIN, CHAIN[1]], "d: expected a name of its own, received one that is taken"),
    "no such input": ([X, node("y", OUTPUT, "nowhere")], "nowhere: expected a node of this name, found none"),
    "no such output": ([X], "y: expected a node of this name, found none"),
    "a cycle": ([X, node("a", Add(), "x", "b"), node("b", RELU, "a"), node("y", OUTPUT, "b")], "without cycles"),
    "a shape": ([X, node("d", dense(5, 3), "x"), node("y", OUTPUT, "d")], r"d \(Dense\): Dense expected 5 values"),
    "too few inputs": ([X, node("a", Add(), "x"), node("y", OUTPUT, "a")], "at least two inputs, received 1"),
    "no output op": ([X, node("y", RELU, "x")], "y: expected an Output at the end, received Activation"),
}


@pytest.mark.parametrize("nodes, message", WRONG.values(), ids=WRONG)
def test_a_graph_that_contradicts_itself_is_an_error(nodes, message):
    with pytest.raises(GraphError, match=message):
        graph_of(*nodes)


def test_readers_are_known():
    graph = graph_of(*CHAIN, node("a", Add(), "d", "d"), node("z", OUTPUT, "a"), outputs=["y", "z"])
    assert graph.consumers["d"] == ("r", "a", "a")
    assert graph.only_consumer(graph.nodes["d"]) is None
    assert graph.only_consumer(graph.nodes["r"]) is graph.nodes["y"]
    assert graph.input_of(graph.nodes["r"]).name == "d"


def test_rewriting_makes_a_new_graph():
    graph = graph_of(*CHAIN[:2], node("i", Identity(), "d"), node("j", Identity(), "i"), node("y", OUTPUT, "j"))
    before = evaluated(graph)
    changed = graph.rewritten(redirect={"i": "d", "j": "i"})
    assert kinds(graph) == ["Input", "Dense", "Identity", "Identity", "Output"]
    assert kinds(changed) == ["Input", "Dense", "Output"]
    assert np.array_equal(evaluated(changed), before)
    replaced = changed.rewritten([node("d", dense(4, 3, seed=1), "x")])
    assert not np.array_equal(evaluated(replaced), before)
    assert changed.outputs == graph.outputs


def test_evaluation_keeps_what_is_asked_for():
    graph = graph_of(*CHAIN)
    feeds = feeds_for(graph)
    values = graph.evaluate(feeds, keep=["d", "x"])
    assert set(values) == {"x", "d", "y"}
    assert np.array_equal(values["y"], np.maximum(values["d"], 0))
    assert values["y"].dtype == np.float32


def test_a_graph_a_hundred_thousand_nodes_deep_is_built():
    nodes = [X, *(node(f"n{i}", Identity(), f"n{i - 1}" if i else "x") for i in range(100_000))]
    assert len(graph_of(*nodes, node("y", OUTPUT, "n99999")).nodes) == 100_002


def test_the_same_node_may_be_read_twice():
    graph = graph_of(X, node("c", Concatenate(axis=0), "x", "x"), node("y", OUTPUT, "c"))
    (value,) = evaluated(graph)
    assert np.array_equal(value[:, :4], value[:, 4:])


def test_an_output_may_read_an_input():
    assert kinds(Graph.build([X, node("y", OUTPUT, "x")], {"y": "y"})) == ["Input", "Output"]
