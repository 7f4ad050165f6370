"""Write piecewise-linear activations as sums of ReLUs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..graph import Graph, Node
from ..ops import Activation, Add, Array, PReLU, ScaleShift
from ..report import ReportBuilder

__all__ = ["SplitPiecewise"]


class _Part(NamedTuple):
    """One ReLU of the sum: ``factor · relu(sign · z + shift)``."""

    label: str
    factor: float
    sign: float
    shift: float


class SplitPiecewise:
    """Write a ReLU with a slope or a maximum as a sum of plain ReLUs, which neurons compute exactly.

    ``leaky(z) = relu(z) - a·relu(-z)`` and ``min(relu(z), m) = relu(z) - relu(z - m)``

    Given::      act: Activation[relu, negative_slope=a] <- z

    Result::     act/positive: Activation[relu] <- z
                 act/negative: Activation[relu] <- ScaleShift[-1] <- z
                 act: Add[1, -a] <- act/positive, act/negative

    Left alone: a threshold other than 0 (the function jumps there), and a negative maximum.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        changed: list[Node] = []
        for node in graph.nodes.values():
            if isinstance(node.op, PReLU):
                changed += _split_prelu(node, node.op)
                report.became(node.layers, "spiking-pair", "2 neurons for each value")
            if not isinstance(node.op, Activation) or not (parts := _parts(node.op)):
                continue
            names = []
            for part in parts:
                source = node.inputs
                name = f"{node.name}/{part.label}"
                if (part.sign, part.shift) != (1.0, 0.0):
                    moved = _scaled(np.array([part.sign]), part.shift)
                    changed.append(Node(name=f"{name}/input", op=moved, inputs=source, layers=node.layers))
                    source = (f"{name}/input",)
                changed.append(Node(name=name, op=Activation(function="relu"), inputs=source, layers=node.layers))
                names.append(name)
            factors = tuple(part.factor for part in parts)
            changed.append(replace(node, op=Add(factors=factors), inputs=tuple(names)))
            report.became(node.layers, "spiking-pair", f"{len(parts)} neurons for each value")
        return graph.rewritten(changed) if changed else graph


def _scaled(scale: Array, shift: float = 0.0) -> ScaleShift:
    return ScaleShift(scale=scale.astype(np.float32), shift=np.array([shift], np.float32))


def _split_prelu(node: Node, op: PReLU) -> list[Node]:
    """Return the nodes of ``relu(z) - alpha · relu(-z)``; the last one keeps the node's name."""
    relu = Activation(function="relu")
    names = [f"{node.name}/{part}" for part in ("positive", "turned", "negative", "scaled")]
    positive, turned, negative, scaled = names
    return [
        Node(name=positive, op=relu, inputs=node.inputs, layers=node.layers),
        Node(name=turned, op=_scaled(np.array([-1.0])), inputs=node.inputs, layers=node.layers),
        Node(name=negative, op=relu, inputs=(turned,), layers=node.layers),
        Node(name=scaled, op=_scaled(-op.alpha), inputs=(negative,), layers=node.layers),
        replace(node, op=Add(), inputs=(positive, scaled)),
    ]


def _parts(op: Activation) -> list[_Part]:
    """Return the ReLUs whose sum is this activation; none where it is plain or cannot be written so."""
    if op.function == "absolute":
        return [_Part("positive", 1.0, 1.0, 0.0), _Part("negative", 1.0, -1.0, 0.0)]
    if op.function != "relu" or op.is_relu or op.arguments.get("threshold"):
        return []
    slope = float(op.arguments.get("negative_slope") or 0.0)
    maximum = op.arguments.get("max_value")
    if maximum is not None and maximum <= 0:
        return []
    parts = [_Part("positive", 1.0, 1.0, 0.0)]
    if maximum is not None:
        parts.append(_Part("above", -1.0, 1.0, -float(maximum)))
    if slope:
        parts.append(_Part("negative", -slope, -1.0, 0.0))
    return parts
