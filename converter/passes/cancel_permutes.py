"""Cancel the transpositions around channels-first layers."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Node
from ..ops import Activation, Add, Permute
from ..report import ReportBuilder
from .base import reading_instead

__all__ = ["CancelPermutes"]


class CancelPermutes:
    """Move a Permute behind what acts on each value by itself, and join it with the next one.

    Given::      conv1/p: Permute[2,0,1] <- conv1        Result::   relu1: Activation <- conv1
                 relu1: Activation <- conv1/p                       conv2: Conv <- relu1
                 conv2/p: Permute[1,2,0] <- relu1
                 conv2: Conv <- conv2/p

    Left alone: a Permute that several nodes read, and softmax, which acts along an axis.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        while (changed := self._one_step(graph)) is not None:
            graph = changed
        return graph

    def _one_step(self, graph: Graph) -> Graph | None:
        for node in graph.nodes.values():
            sources = [graph.nodes[i] for i in node.inputs]
            orders = {s.op.order if isinstance(s.op, Permute) else () for s in sources}
            if len(orders) != 1 or not (order := orders.pop()):
                continue
            if isinstance(node.op, Permute):
                joined = tuple(order[i] for i in node.op.order)
                if joined == tuple(range(len(joined))):
                    return graph.rewritten(redirect={node.name: sources[0].inputs[0]})
                return graph.rewritten([replace(node, op=Permute(order=joined), inputs=sources[0].inputs)])
            alone = all(graph.only_consumer(s) is node for s in sources)
            if alone and _acts_on_each_value(node):
                return self._moved_behind(graph, node, sources, order)
        return None

    def _moved_behind(self, graph: Graph, node: Node, sources: list[Node], order: tuple[int, ...]) -> Graph:
        """Return the graph with the permutation after the node; the node keeps its name, its readers move."""
        behind = Node(name=f"{node.name}/permuted", op=Permute(order=order), inputs=(node.name,), layers=node.layers)
        readers = reading_instead(graph, graph.consumers[node.name], node.name, behind.name)
        return graph.rewritten([replace(node, inputs=tuple(s.inputs[0] for s in sources)), behind, *readers])


def _acts_on_each_value(node: Node) -> bool:
    if isinstance(node.op, Activation):
        return "softmax" not in node.op.function
    return isinstance(node.op, Add)
