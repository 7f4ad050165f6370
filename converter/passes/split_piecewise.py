"""Write piecewise-linear activations as sums of ReLUs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..graph import Graph, Node
from ..ops import Activation, Add, ScaleShift
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
            if not isinstance(node.op, Activation) or not (parts := _parts(node.op)):
                continue
            names = []
            for part in parts:
                source = node.inputs
                name = f"{node.name}/{part.label}"
                if (part.sign, part.shift) != (1.0, 0.0):
                    moved = ScaleShift(
                        scale=np.array([part.sign], np.float32), shift=np.array([part.shift], np.float32)
                    )
                    changed.append(Node(name=f"{name}/input", op=moved, inputs=source, layers=node.layers))
                    source = (f"{name}/input",)
                changed.append(Node(name=name, op=Activation(function="relu"), inputs=source, layers=node.layers))
                names.append(name)
            factors = tuple(part.factor for part in parts)
            changed.append(replace(node, op=Add(factors=factors), inputs=tuple(names)))
            report.became(node.layers, "spiking-pair", f"{len(parts)} neurons for each value")
        return graph.rewritten(changed) if changed else graph


def _parts(op: Activation) -> list[_Part]:
    """Return the ReLUs whose sum is this activation; none where it is plain or cannot be written so."""
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
