"""Fold scales and shifts into the weights before them."""

from __future__ import annotations

from collections.abc import Iterator
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
        while fused := list(_folded(graph, report)):
            graph = graph.rewritten([node for node, _ in fused], redirect={norm: node.name for node, norm in fused})
        return graph


def _folded(graph: Graph, report: ReportBuilder) -> Iterator[tuple[Node, str]]:
    """Yield nodes with the scale and shift behind them folded in, and the name of what is gone; each node once."""
    touched: set[str] = set()
    for norm in graph.nodes.values():
        if not isinstance(norm.op, ScaleShift) or norm.op.scale.ndim > 1 or norm.op.shift.ndim > 1:
            continue
        before = graph.input_of(norm)
        if not isinstance(before.op, (Conv, Dense, ScaleShift)) or graph.only_consumer(before) is not norm:
            continue
        if before.name not in touched:  # else the next round has it
            touched |= {before.name, norm.name}
            yield replace(before, op=_fused(before.op, norm.op), layers=merged_layers(before, norm)), norm.name
            folded = [layer for layer in norm.layers if report.code_of(layer) == "scale-shift"]
            report.became(folded, "folded", f"into {before.layers[0]}")


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
