"""Move max pooling before the neurons."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Node
from ..ops import Activation, MaxPool, Pad
from ..report import ReportBuilder
from .base import reading_instead

__all__ = ["PoolBeforeNeurons"]


class PoolBeforeNeurons:
    """Pool the currents into the neurons instead of their spikes: max(relu(z)) = relu(max(z)).

    The maximum is then taken of currents, which are exact from the first step on where the input is constant, instead
    of spike counts, which are not; and only the winners need a neuron.

    Given::      relu1: Activation[relu] <- conv1        Result::   pool1: MaxPool <- conv1
                 pool1: MaxPool <- relu1                            relu1: Activation[relu] <- pool1

    Zeros put around the map between the two (Pad) move along: they are zeros before the ReLU as after it.

    Left alone: a ReLU that something else reads too.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        while (chain := _movable(graph)) is not None:
            relu, *between, pool = chain
            first = between[0] if between else pool
            moved = [replace(first, inputs=relu.inputs), replace(relu, inputs=(pool.name,))]
            readers = reading_instead(graph, graph.consumers[pool.name], pool.name, relu.name)
            graph = graph.rewritten([*moved, *readers])
            report.became(pool.layers, "max-pool-before-neurons", f"before the neurons of {relu.layers[0]}")
        return graph


def _movable(graph: Graph) -> list[Node] | None:
    """Return a ReLU, the Pads behind it and the MaxPool behind them, each read by the next alone."""
    for node in graph.nodes.values():
        if not isinstance(node.op, MaxPool):
            continue
        chain = [node]
        while len(chain) == 1 or isinstance(chain[0].op, Pad):
            before = graph.input_of(chain[0])
            if graph.only_consumer(before) is not chain[0]:
                break
            chain.insert(0, before)
        first = chain[0]
        if len(chain) > 1 and isinstance(first.op, Activation) and first.op.is_relu:
            return chain
    return None
