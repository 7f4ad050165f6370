"""What keeps a network off a chip, whatever the chip: said in the report, without asking any backend."""

from __future__ import annotations

from ..graph import Graph, Node
from ..ops import Activation, Conv, ConvTranspose, MaxPool, Neurons, OverTime
from ..report import ReportBuilder

__all__ = ["note_what_chips_lack"]


def note_what_chips_lack(graph: Graph, report: ReportBuilder) -> None:
    """Name the layers between neurons that are no weighted sums over at most two dimensions.

    What stands before the first neurons or behind the last ones is not named: a host computes that beside any chip.
    """
    behind, before = _behind_neurons(graph), _before_neurons(graph)
    found = {}
    for node in graph.nodes.values():
        if node.name in behind and node.name in before and (why := _lacking(node)):
            found[node.layers[0] if node.layers else node.name] = why
    if found:
        report.note("not-for-chips", "; ".join(f"{layer}: {why}" for layer, why in found.items()))


def _lacking(node: Node) -> str:
    op = node.op.op if isinstance(node.op, OverTime) else node.op
    if isinstance(op, Conv | ConvTranspose) and len(op.kernel.shape) > 4:
        return "a convolution in 3 dimensions"
    if op.linear or _spikes(node):
        return ""
    return "a maximum" if isinstance(op, MaxPool) else "not linear"


def _spikes(node: Node) -> bool:
    return isinstance(node.op, Neurons) or (isinstance(node.op, Activation) and node.op.is_relu)


def _behind_neurons(graph: Graph) -> set[str]:
    found: set[str] = set()
    for node in graph.nodes.values():
        if any(name in found or _spikes(graph.nodes[name]) for name in node.inputs):
            found.add(node.name)
    return found


def _before_neurons(graph: Graph) -> set[str]:
    found: set[str] = set()
    for node in reversed(tuple(graph.nodes.values())):
        if any(name in found or _spikes(graph.nodes[name]) for name in graph.consumers[node.name]):
            found.add(node.name)
    return found
