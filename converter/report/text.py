"""The report as text for a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...plain_text import one_line
from .reasons import Severity
from .report import Entry, Report

__all__ = ["print_report", "report_text"]

_STYLE: Mapping[Severity, str] = {
    Severity.EXACT: "green",
    Severity.NOTE: "cyan",
    Severity.HOST: "yellow",
    Severity.APPROXIMATE: "magenta",
    Severity.REFUSED: "bold red",
    Severity.UNSUPPORTED: "bold red",
}


def print_report(report: Report, console: Console) -> None:
    """Print the table of layers, the notes and the remedies."""
    table = _table(f"What became of {_escape(report.model)}", "layer")
    for entry in report.layers:
        style = _STYLE[entry.severity]
        figures = f"\n[dim]{_escape(_figures(entry))}[/]" if entry.figures else ""
        table.add_row(
            f"{_escape(entry.layer)}\n[dim]{_escape(entry.layer_type)}[/]",
            f"[{style}]{entry.severity.value}[/]",
            f"{_escape(entry.sentence)} [dim]{entry.code}[/]{figures}",
        )
    console.print(table)
    console.print(_escape(_summary(report)))
    if report.backend:
        console.print(_placement_table(report))
    for entry in report.notes:
        style = _STYLE[entry.severity]
        figures = f" — {_escape(_figures(entry))}" if entry.figures else ""
        console.print(f"[{style}]{entry.severity.value}[/]: {_escape(entry.sentence)}{figures} [dim]{entry.code}[/]")
    remedies = dict.fromkeys(
        (e.code, e.reason.remedy)
        for e in (*report.layers, *report.placement, *report.notes)
        if e.reason.remedy and e.severity is not Severity.EXACT
    )
    for code, remedy in remedies:
        console.print(f"[bold]what to do[/] ({code}): {_escape(remedy)}")


def _table(title: str, rows: str) -> Table:
    """Return an empty table of what became of these rows."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column(rows, overflow="fold", max_width=30)
    table.add_column("result", no_wrap=True)
    table.add_column("what and why", ratio=1)
    return table


def _summary(report: Report) -> str:
    """Return how many layers there are of each severity, and which fall back to the host."""
    found = [entry.severity for entry in report.layers]
    counts = ", ".join(f"{found.count(s)} {s.value}" for s in Severity if s in found)
    fallen = [entry.layer for entry in report.layers if entry.severity is Severity.HOST]
    if not fallen and report.convertible:
        return f"{len(found)} layers: {counts}; none falls back to the host"
    return f"{len(found)} layers: {counts}" + (f"; on the host: {', '.join(fallen)}" if fallen else "")


def _placement_table(report: Report) -> Table:
    """Return what a backend makes of each part."""
    table = _table(f"On {_escape(report.backend)}", "part")
    for entry in report.placement:
        style = _STYLE[entry.severity]
        why = _escape(entry.sentence)
        table.add_row(_escape(entry.layer), f"[{style}]{entry.severity.value}[/]", f"{why} [dim]{entry.code}[/]")
    return table


def report_text(report: Report, width: int = 120) -> str:
    """Return the same as plain text of the given width."""
    buffer = io.StringIO()
    print_report(report, Console(file=buffer, width=width, color_system=None))
    return buffer.getvalue()


def _escape(text: str) -> str:
    """Return text as rich prints it literally: names in a file may look like rich's markup."""
    return escape(one_line(text))


def _figures(entry: Entry) -> str:
    parts = (f"{value:.4g}" if isinstance(value, float) else f"{value}" for value in entry.figures.values())
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in zip(entry.figures, parts, strict=True))
