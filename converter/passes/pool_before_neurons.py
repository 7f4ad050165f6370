"""Move max pooling before the neurons."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Node
from ..ops import Activation, MaxPool
from ..report import ReportBuilder
from .base import reading_instead

__all__ = ["PoolBeforeNeurons"]


class PoolBeforeNeurons:
    """Pool the currents into the neurons instead of their spikes: max(relu(z)) = relu(max(z)).

    The maximum is then taken of currents, which are exact from the first step on where the input is constant, instead
    of spike counts, which are not; and only the winners need a neuron.

    Given::      relu1: Activation[relu] <- conv1        Result::   pool1: MaxPool <- conv1
                 pool1: MaxPool <- relu1                            relu1: Activation[relu] <- pool1

    Left alone: a ReLU that something else reads too.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        while (pair := _movable(graph)) is not None:
            relu, pool = pair
            moved = [replace(pool, inputs=relu.inputs), replace(relu, inputs=(pool.name,))]
            readers = reading_instead(graph, graph.consumers[pool.name], pool.name, relu.name)
            graph = graph.rewritten([*moved, *readers])
            report.became(pool.layers, "max-pool-before-neurons", f"{relu.layers[0]}")
        return graph


def _movable(graph: Graph) -> tuple[Node, Node] | None:
    for node in graph.nodes.values():
        if isinstance(node.op, MaxPool):
            relu = graph.input_of(node)
            if isinstance(relu.op, Activation) and relu.op.is_relu and graph.only_consumer(relu) is node:
                return relu, node
    return None
