"""Drop what does nothing."""

from __future__ import annotations

from ..graph import Graph, Node
from ..ops import Add, Concatenate, Crop, Identity, Pad, Permute, Reshape
from ..report import ReportBuilder

__all__ = ["DropIdentities"]


class DropIdentities:
    """Take out layers that do nothing at inference, and rearrangements that move nothing.

    Given::      drop1: Identity <- conv1        Result::   conv2: Conv <- conv1
                 conv2: Conv <- drop1
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        idle = {n.name: n.inputs[0] for n in graph.nodes.values() if _is_idle(graph, n)}
        return graph.rewritten(redirect=idle) if idle else graph


def _is_idle(graph: Graph, node: Node) -> bool:
    op = node.op
    if isinstance(op, Identity):
        return True
    if isinstance(op, Reshape):
        return graph.input_of(node).shape == node.shape
    if isinstance(op, Permute):
        return op.order == tuple(range(len(op.order)))
    if isinstance(op, Pad):
        return not any(map(sum, op.padding))
    if isinstance(op, Crop):
        return not any(map(sum, op.cropping))
    return isinstance(op, (Concatenate, Add)) and len(node.inputs) == 1
