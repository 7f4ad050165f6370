"""Synaptic operations count each weight that an event meets: the entries of the op's matrix that are not zero."""

from __future__ import annotations

import numpy as np
import pytest

from graphs import OUTPUT, dense, graph_of, node
from linear_ops import LINEAR_OPS, matrix_of
from spikeport.backends.fan_out import fan_out
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import ACTIVATIONS, Add, Concatenate, Dense, Input, MaxPool, Multiply, Neurons, Output

ONE = Neurons(threshold=np.ones(1), scale=np.ones(1))


def between_neurons(*nodes: Node, shape: tuple[int, ...], last: str) -> Graph:
    """A graph: x, neurons n, the nodes, neurons that read the last of them."""
    ends = (node("end", ONE, last), node("y", OUTPUT, "end"))
    return graph_of(node("x", Input(shape=shape)), node("n", ONE, "x"), *nodes, *ends)


@pytest.mark.parametrize("op, shape", LINEAR_OPS.values(), ids=LINEAR_OPS)
def test_an_event_passes_each_entry_of_the_matrix(op, shape):
    graph = between_neurons(node("op", op, "n"), shape=shape, last="op")
    entries = np.count_nonzero(matrix_of(op, shape), axis=0).reshape(shape)
    assert np.array_equal(fan_out(graph)["n"], entries)


MOVES = ("average-padded", "pad", "crop", "upsample", "reshape", "permute", "scale", "resampling")


@pytest.mark.parametrize("name", MOVES)
def test_the_weights_behind_what_only_moves_values_are_counted(name):
    """Each path from the event to a weight counts once."""
    op, shape = LINEAR_OPS[name]
    moved = op.output_shape(shape)
    graph = between_neurons(node("op", op, "n"), node("d", dense(moved[-1], 7), "op"), shape=shape, last="d")
    paths = 7 * np.count_nonzero(matrix_of(op, shape), axis=0).reshape(shape)
    assert np.array_equal(fan_out(graph)["n"], paths)


def test_weights_behind_weights_are_not_counted():
    nodes = (node("a", dense(5, 3), "n"), node("b", dense(3, 11), "a"))
    assert np.array_equal(fan_out(between_neurons(*nodes, shape=(5,), last="b"))["n"], np.full(5, 3))


def test_all_readers_are_counted():
    nodes = (node("a", dense(5, 3), "n"), node("b", dense(5, 2), "n"), node("c", Concatenate(axis=0), "a", "b", "n"))
    assert np.array_equal(fan_out(between_neurons(*nodes, shape=(5,), last="c"))["n"], np.full(5, 3 + 2 + 1))


def test_a_reader_that_reads_twice_is_counted_twice():
    assert np.array_equal(
        fan_out(between_neurons(node("a", Add(), "n", "n"), shape=(5,), last="a"))["n"], np.full(5, 2)
    )


def test_a_value_that_is_broadcast_is_counted_for_each_place():
    nodes = (node("a", dense(5, 1), "n"), node("b", Add(), "n", "a"), node("c", Concatenate(axis=0), "b", "n"))
    counts = fan_out(between_neurons(*nodes, shape=(5,), last="c"))
    assert np.array_equal(counts["a"], [5])
    assert np.array_equal(counts["n"], np.full(5, 1 + 1 + 1))


@pytest.mark.parametrize("op", [Multiply(), Add(factors=(1.0, -1.0))], ids=["product", "difference"])
def test_merging_takes_one_for_each_input(op):
    assert np.array_equal(fan_out(between_neurons(node("a", op, "n", "n"), shape=(5,), last="a"))["n"], np.full(5, 2))


def test_an_op_on_the_host_takes_one():
    pool = MaxPool(pool_size=(2,), strides=(1,), padding=((0, 0),))
    graph = between_neurons(node("a", pool, "n"), shape=(5, 2), last="a")
    assert np.array_equal(fan_out(graph)["n"], np.ones((5, 2)))


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_any_read_out_can_be_behind(function):
    graph = graph_of(node("x", Input(shape=(900,))), node("n", ONE, "x"), node("y", Output(function=function), "n"))
    assert fan_out(graph)["n"].shape == (900,)


def test_inputs_are_counted_as_neurons_are():
    graph = graph_of(
        node("x", Input(shape=(5,))), node("d", Dense(kernel=np.ones((5, 4))), "x"), node("y", OUTPUT, "d")
    )
    assert np.array_equal(fan_out(graph)["x"], np.full(5, 4))
