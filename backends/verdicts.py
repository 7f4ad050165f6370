"""What a simulator that takes every graph says of each node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..converter.graph import Graph
from ..converter.ops import Activation, Input, is_population
from .contract import Verdict

__all__ = ["simulator_verdicts"]


def simulator_verdicts(graph: Graph, words: Mapping[str, str]) -> Iterator[Verdict]:
    """Say what becomes of each node; nothing is refused.

    Parameters
    ----------
    graph
        Before or after its ReLUs have become neurons.
    words
        What the simulator calls its "neurons", "folded" linear ops, "host" computations and "input".
    """
    for node in graph.nodes.values():
        spiking = is_population(node.op) or (isinstance(node.op, Activation) and node.op.is_relu)
        where = "neurons" if spiking else "folded" if node.op.linear else "host"
        kind = where
        if isinstance(node.op, Input):
            where, kind = "host", "input"
        yield Verdict(node=node.name, where=where, why=words[kind], layers=node.layers)
