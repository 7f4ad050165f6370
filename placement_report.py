"""What a backend makes of each layer, added to the report."""

from __future__ import annotations

from .backends import backend_named
from .converter.graph import Graph
from .converter.report import Entry, Report

__all__ = ["with_backend"]

_CODES = {
    "neurons": "runs-as-neurons",
    "host": "runs-on-host",
    "folded": "runs-folded",
    "refused": "refused-by-backend",
}


def with_backend(report: Report, graph: Graph, backend: str) -> tuple[Report, bool]:
    """Return the report with what a backend makes of each part of the graph, and whether it takes all of them."""
    verdicts = list(backend_named(backend).check(graph))
    placement = (Entry(code=_CODES[v.where], layer=v.node, detail=v.why) for v in verdicts)
    return report.with_placement(backend, placement), not any(v.refused for v in verdicts)
