"""What the tests of the loihi backend share: small graphs."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Input, Neurons, Op, Output


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # find_spec, since pytest.importorskip would import nengo-loihi unmended, with TensorFlow
    if find_spec("nengo_loihi") is None:
        for item in items:
            if item.get_closest_marker("loihi"):
                item.add_marker(pytest.mark.skip(reason="nengo-loihi is not installed"))


Build = Callable[..., Graph]


@pytest.fixture(scope="session")
def build() -> Build:
    """Return a function that makes a graph: ``build(shape, name=(op, *inputs), …)``, read out from the last node."""

    def make(shape: tuple[int, ...], function: str = "linear", **nodes: tuple[Any, ...]) -> Graph:
        made = [Node(name="x", op=Input(shape=shape))]
        for name, entry in nodes.items():
            op, *inputs = entry if isinstance(entry, tuple) else (entry,)
            made.append(Node(name=name, op=op, inputs=tuple(inputs) or (made[-1].name,), layers=(f"keras_{name}",)))
        made.append(Node(name="y", op=Output(function=function), inputs=(made[-1].name,)))
        return Graph.build(made, {"y": "y"})

    return make


@pytest.fixture(scope="session")
def calibrated() -> Callable[[Graph, Any], Graph]:
    """Return a function that sets each population's scale to the largest activation of each channel on samples."""

    def calibrate(graph: Graph, samples: Any) -> Graph:
        from dataclasses import replace

        neurons = [n for n in graph.nodes.values() if isinstance(n.op, Neurons)]
        values = graph.evaluate({graph.inputs[0].name: samples}, keep=[n.name for n in neurons])
        changed = []
        for node in neurons:
            largest = values[node.name].reshape(-1, node.shape[-1]).max(axis=0).astype(np.float32) + 1e-3
            op: Op = Neurons(threshold=largest, scale=largest)
            changed.append(replace(node, op=op))
        return graph.rewritten(changed)

    return calibrate
