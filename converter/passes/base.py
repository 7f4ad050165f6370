"""What a pass is, and the two edits that several passes make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from ..graph import Graph, Node
from ..report import ReportBuilder

__all__ = ["Pass", "merged_layers", "reading_instead"]


class Pass(Protocol):
    """Graph → Graph. It keeps the outputs' values, running it twice changes nothing, and it tells the report."""

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        """Return the changed graph, or the same one."""
        ...


def merged_layers(*nodes: Node) -> tuple[str, ...]:
    """Return the layers of nodes that become one."""
    return tuple(dict.fromkeys(layer for node in nodes for layer in node.layers))


def reading_instead(graph: Graph, readers: Iterable[str], old: str, new: str) -> list[Node]:
    """Return these readers of ``old`` as readers of ``new``."""
    return [
        replace(graph.nodes[name], inputs=tuple(new if i == old else i for i in graph.nodes[name].inputs))
        for name in readers
    ]
