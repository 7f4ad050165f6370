"""Passes: Graph → Graph, each a picture of what it changes, in an order with reasons."""

from __future__ import annotations

from ...errors import GraphError
from ..graph import Graph
from ..report import ReportBuilder
from .absorb_read_out import AbsorbReadOut
from .base import Pass
from .cancel_permutes import CancelPermutes
from .drop_identities import DropIdentities
from .fold_batch_norm import FoldBatchNorm
from .gate_max_pooling import GateMaxPooling
from .pool_before_neurons import PoolBeforeNeurons
from .split_piecewise import SplitPiecewise

__all__ = ["MAX_POOLS", "PIPELINE", "Pass", "pipeline_for", "run_passes"]

PIPELINE: tuple[Pass, ...] = (
    DropIdentities(),  # first: fewer shapes for the others to match
    CancelPermutes(),  # before folding, so that channels-first layers look like the others
    PoolBeforeNeurons(),  # while leaky and capped ReLUs are whole, and before the read-out: it may bring a ReLU there
    AbsorbReadOut(),  # before the split: the read-out computes any activation as it is
    SplitPiecewise(),  # before folding, which then meets the scales that it makes
    FoldBatchNorm(),  # before thresholds, which come from the folded weights' activations
)
"""The passes in their order, with the reason for each one's place."""

MAX_POOLS = ("auto", "rate", "gate")
"""How max pooling is converted: moved before the neurons where it can be, or always behind them in one of two ways."""


def pipeline_for(max_pool: str) -> tuple[Pass, ...]:
    """Return the passes for one of `MAX_POOLS`."""
    if max_pool == "auto":
        return PIPELINE
    instead: tuple[Pass, ...] = (GateMaxPooling(),) if max_pool == "gate" else ()
    at = next(i for i, change in enumerate(PIPELINE) if isinstance(change, PoolBeforeNeurons))
    return (*PIPELINE[:at], *instead, *PIPELINE[at + 1 :])


def run_passes(graph: Graph, report: ReportBuilder, passes: tuple[Pass, ...] = PIPELINE) -> Graph:
    """Run the passes; the graph is verified after each, since every edit builds it anew.

    Raises
    ------
    GraphError
        When a pass breaks the graph, with the pass's name.
    """
    for change in passes:
        outputs = dict(graph.outputs)
        try:
            graph = change(graph, report)
        except GraphError as error:
            raise GraphError(f"{type(change).__name__}: {error}") from None
        if dict(graph.outputs) != outputs:
            raise GraphError(
                f"{type(change).__name__}: expected the outputs {list(outputs)}, received {list(graph.outputs)}"
            )
    return graph
