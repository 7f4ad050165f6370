"""What a backend makes of each layer, added to the report."""

from __future__ import annotations

from .backends import backend_named
from .converter.graph import Graph
from .converter.report import Entry, Report

__all__ = ["with_backend"]

_CODES = {"neurons": "runs-as-neurons", "host": "runs-on-host", "folded": "", "refused": "refused-by-backend"}


def with_backend(report: Report, graph: Graph, backend: str) -> tuple[Report, bool]:
    """Return the report with a note for each node that runs as neurons, on the host, or nowhere; and if all fits."""
    place = backend_named(backend)
    notes = [Entry(code="checked-for-backend", detail=backend)]
    fits = True
    for verdict in place.check(graph):
        code = _CODES[verdict.where]
        fits = fits and not verdict.refused
        if code:
            who = verdict.node if verdict.node in verdict.layers or not verdict.layers else ", ".join(verdict.layers)
            notes.append(Entry(code=code, layer=who, detail=f"{who}: {verdict.why}" if verdict.why else who))
    return report.with_notes(notes), fits
