"""Evaluate a part of a graph: from values that are known to values that are wanted."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from ...converter.graph import Graph, Node
from ...converter.ops import Array

__all__ = ["evaluate_from", "nodes_behind"]


def evaluate_from(graph: Graph, known: Mapping[str, Array], wanted: Iterable[str]) -> dict[str, Array]:
    """Return the wanted nodes' values, ``(batch, *shape)`` each, computing only what lies behind the known ones.

    Parameters
    ----------
    known
        Node → values; at least as far back as the wanted ones need.
    """
    wanted, values = tuple(wanted), dict(known)
    for node in nodes_behind(graph, known, wanted):
        values[node.name] = node.op.apply(*(values[i] for i in node.inputs))
    return {name: values[name] for name in wanted}


def nodes_behind(graph: Graph, known: Container[str], wanted: Iterable[str]) -> list[Node]:
    """Return the nodes that the wanted ones need and that are not known, each after those that it reads."""
    needed: set[str] = set()
    stack = [name for name in wanted if name not in known]
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack.extend(i for i in graph.nodes[name].inputs if i not in known)
    return [node for name, node in graph.nodes.items() if name in needed]
