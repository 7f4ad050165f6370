"""Make the model's last activation part of the read-out."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph
from ..ops import Activation, Output
from ..report import ReportBuilder

__all__ = ["AbsorbReadOut"]


class AbsorbReadOut:
    """Let an Output apply the activation that it reads to the mean over time.

    Given::      softmax: Activation[softmax] <- dense        Result::   output: Output[softmax] <- dense
                 output: Output[linear] <- softmax

    Left alone: nothing; an activation that other layers read as well stays for them.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        changed = []
        for name in graph.outputs.values():
            node = graph.nodes[name]
            source = graph.input_of(node)
            if not (isinstance(node.op, Output) and node.op.function == "linear" and isinstance(source.op, Activation)):
                continue
            op = Output(function=source.op.function, arguments=source.op.arguments)
            changed.append(replace(node, op=op, inputs=source.inputs))
            if graph.only_consumer(source) is node:
                report.became(source.layers, "read-out", source.op.function)
        return graph.rewritten(changed) if changed else graph
