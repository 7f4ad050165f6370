"""Fold scales and shifts into the weights before them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph, Node
from ..ops import Array, Conv, Dense, ScaleShift
from ..report import ReportBuilder
from .base import merged_layers

__all__ = ["FoldBatchNorm"]


class FoldBatchNorm:
    """Fold a per-channel scale and shift into the Dense, Conv or ScaleShift that feeds it.

    Given::      conv1: Conv[8] <- input        Result::   conv1: Conv[8] <- input
                 bn1: ScaleShift[8] <- conv1

    Left alone: a Conv that something else reads too.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        while (pair := _foldable(graph)) is not None:
            before, norm = pair
            if not (isinstance(before.op, (Conv, Dense, ScaleShift)) and isinstance(norm.op, ScaleShift)):
                break
            fused = replace(before, op=_fused(before.op, norm.op), layers=merged_layers(before, norm))
            graph = graph.rewritten([fused], redirect={norm.name: before.name})
            folded = [layer for layer in norm.layers if report.code_of(layer) == "scale-shift"]
            report.became(folded, "folded", f"into {before.layers[0]}")
        return graph


def _foldable(graph: Graph) -> tuple[Node, Node] | None:
    for node in graph.nodes.values():
        if isinstance(node.op, ScaleShift) and node.op.scale.ndim < 2 and node.op.shift.ndim < 2:
            before = graph.input_of(node)
            if isinstance(before.op, (Conv, Dense, ScaleShift)) and graph.only_consumer(before) is node:
                return before, node
    return None


def _fused(op: Conv | Dense | ScaleShift, norm: ScaleShift) -> Conv | Dense | ScaleShift:
    """Return one op that computes ``norm(op(x))``; the products are taken in float64."""
    scale, shift = norm.scale.astype(np.float64), norm.shift.astype(np.float64)
    if isinstance(op, ScaleShift):
        return ScaleShift(scale=_single(op.scale * scale), shift=_single(op.shift * scale + shift))
    filters = op.kernel.shape[-1]
    bias = np.zeros(filters) if op.bias is None else op.bias
    return replace(
        op, kernel=_single(op.kernel * scale), bias=_single(np.broadcast_to(bias * scale + shift, (filters,)))
    )


def _single(array: Array) -> Array:
    return np.ascontiguousarray(array, dtype=np.float32)
