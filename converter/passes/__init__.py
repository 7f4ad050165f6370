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
from .pool_before_neurons import PoolBeforeNeurons
from .split_piecewise import SplitPiecewise

__all__ = ["PIPELINE", "Pass", "run_passes"]

PIPELINE: tuple[Pass, ...] = (
    DropIdentities(),  # first: fewer shapes for the others to match
    CancelPermutes(),  # before folding, so that channels-first layers look like the others
    AbsorbReadOut(),  # before the split: the read-out computes any activation as it is
    SplitPiecewise(),  # before pooling moves, which knows the plain ReLU only
    FoldBatchNorm(),  # before thresholds, which come from the folded weights' activations
    PoolBeforeNeurons(),  # by now only real neurons are left to move behind
    AbsorbReadOut(),  # again: the move may have brought a ReLU to the end
)
"""The passes in their order, with the reason for each one's place."""


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
