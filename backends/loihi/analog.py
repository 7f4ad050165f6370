"""Evaluate a part of a graph: from values that are known to values that are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...converter.graph import Graph
from ...converter.ops import Array

__all__ = ["evaluate_from"]


def evaluate_from(graph: Graph, known: Mapping[str, Array], wanted: Iterable[str]) -> dict[str, Array]:
    """Return the wanted nodes' values, ``(batch, *shape)`` each, computing only what lies behind the known ones.

    Parameters
    ----------
    known
        Node → values; at least as far back as the wanted ones need.
    """
    wanted = tuple(wanted)
    needed: set[str] = set()
    stack = [name for name in wanted if name not in known]
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack.extend(i for i in graph.nodes[name].inputs if i not in known)
    values = dict(known)
    for name, node in graph.nodes.items():
        if name in needed:
            values[name] = node.op.apply(*(values[i] for i in node.inputs))
    return {name: values[name] for name in wanted}
