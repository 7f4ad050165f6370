"""Let max pooling act on spikes as a gate."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph
from ..ops import MaxPool, OverTime
from ..report import ReportBuilder

__all__ = ["GateMaxPooling"]


class GateMaxPooling:
    """Pass, of each window, what the member with the largest sum so far sends.

    Given::      pool1: MaxPool <- relu1        Result::   pool1: MaxPool[gate] <- relu1

    The outputs of the rate network stay; on spikes, they come near as the steps grow (`as_gate` says how near).
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        changed = []
        for node in graph.nodes.values():
            inner = node.op.op if isinstance(node.op, OverTime) else node.op
            if isinstance(inner, MaxPool) and not inner.gate:
                gate = replace(inner, gate=True)
                op = replace(node.op, op=gate) if isinstance(node.op, OverTime) else gate
                changed.append(replace(node, op=op))
                report.became(node.layers, "max-pool-gate")
        return graph.rewritten(changed) if changed else graph
