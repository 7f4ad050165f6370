"""Small graphs made by hand, without Keras."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Activation, Array, Conv, Dense, Input, Op, Output, ScaleShift
from spikeport.converter.report import Entry, ReportBuilder


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def node(name: str, op: Op, *inputs: str) -> Node:
    """A node that came from a layer of its own name."""
    return Node(name=name, op=op, inputs=inputs, layers=(name,))


def graph_of(*nodes: Node, outputs: Iterable[str] = ("y",)) -> Graph:
    """A graph whose Output nodes are called as the Keras outputs are."""
    return Graph.build(nodes, {name: name for name in outputs})


def report_for(graph: Graph) -> ReportBuilder:
    """A report with an entry for each node."""
    report = ReportBuilder("model")
    for place in graph.nodes.values():
        code = "scale-shift" if isinstance(place.op, ScaleShift) else "linear"
        report.layer(Entry(code=code, layer=place.name, layer_type=place.op.kind))
    return report


def kinds(graph: Graph) -> list[str]:
    """The kinds of a graph's ops, in order."""
    return [place.op.kind for place in graph.nodes.values()]


def feeds_for(graph: Graph, count: int = 3) -> dict[str, Array]:
    return {place.name: random(count, *place.shape, seed=7) for place in graph.inputs}


def evaluated(graph: Graph) -> list[Array]:
    """The graph's outputs for the same random samples at each call."""
    values = graph.evaluate(feeds_for(graph))
    return [values[name] for name in graph.outputs.values()]


# the ops that most graphs here are made of
IMAGE = Input(shape=(5, 7, 2))
RELU = Activation(function="relu")
OUTPUT = Output()


def conv(channels: int = 2, filters: int = 3, seed: int = 0) -> Conv:
    return Conv(
        kernel=random(3, 3, channels, filters, seed=seed),
        bias=random(filters, seed=seed),
        strides=(1, 1),
        dilation=(1, 1),
        padding=((1, 1), (1, 1)),
    )


def dense(inputs: int, units: int, seed: int = 0, *, bias: bool = True) -> Dense:
    return Dense(kernel=random(inputs, units, seed=seed), bias=random(units, seed=seed) if bias else None)


def scale_shift(channels: int, seed: int = 0) -> ScaleShift:
    return ScaleShift(scale=random(channels, seed=seed), shift=random(channels, seed=seed + 1))
