"""What the registries hold, as tables: layers, backends, neurons, encoders and the report's codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .backends import BACKENDS
from .converter.layers import LAYERS
from .converter.report import REASONS
from .converter.spiking import PRESETS
from .encoders import ENCODERS
from .support import support_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "LISTINGS",
    "Listing",
    "backends_listing",
    "codes_listing",
    "encoders_listing",
    "layers_listing",
    "neurons_listing",
    "print_listing",
]


_SHORT = 10  # a column of such words is not broken up


@dataclass(frozen=True)
class Listing:
    """A table of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def layers_listing() -> Listing:
    """Return each Keras layer type with what becomes of it, on each backend, and the argument values that are taken."""
    rows = []
    for entry in LAYERS:
        limits = (f"{name}: {', '.join(map(repr, values))}" for name, values in entry.accepts.items())
        support = support_of(entry.layer_type)
        rows.append((entry.layer_type, entry.summary, *(support[name] for name in BACKENDS), "; ".join(limits)))
    return Listing(("layer", "what becomes of it", *BACKENDS, "arguments that are restricted"), tuple(rows))


def backends_listing(*, with_availability: bool) -> Listing:
    """Return each backend with its neurons and, where asked for, whether it can be used here."""
    columns: tuple[str, ...] = ("backend", "what it is", "neurons", "least steps")
    rows = []
    for backend in BACKENDS.values():
        row: tuple[str, ...] = (backend.name, backend.summary, backend.neurons, str(backend.least_steps))
        rows.append((*row, backend.available() or "yes") if with_availability else row)
    return Listing((*columns, "usable here") if with_availability else columns, tuple(rows))


def neurons_listing() -> Listing:
    """Return each preset of the neuron, whether its mean output goes to the ReLU's, and which backends take it."""
    rows, one = [], np.ones(1)
    for preset in PRESETS.values():
        op = preset.neurons(one, one)
        mean = "in the limit" if op.follows_rate else "nearly"
        takes = ("no" if backend.takes(op) else "yes" for backend in BACKENDS.values())
        rows.append((preset.name, preset.summary, mean, *takes))
    return Listing(("neurons", "what they do", "mean output is the ReLU", *BACKENDS), tuple(rows))


def encoders_listing() -> Listing:
    """Return each encoder with what it is good for."""
    rows = tuple((e.name, e.summary, e.good_for) for e in ENCODERS.values())
    return Listing(("encoder", "what enters the network", "good for"), rows)


def codes_listing() -> Listing:
    """Return the catalogue of the report's reasons."""
    rows = tuple((r.code, r.severity.value, r.what, r.remedy) for r in REASONS.values())
    return Listing(("code", "severity", "what it means", "what to do"), rows)


LISTINGS: Mapping[str, Callable[[bool], Listing]] = {
    "layers": lambda _: layers_listing(),
    "backends": lambda markdown: backends_listing(with_availability=not markdown),
    "neurons": lambda _: neurons_listing(),
    "encoders": lambda _: encoders_listing(),
    "codes": lambda _: codes_listing(),
}
"""What can be listed, by the command's name; told whether it is for Markdown, which holds nothing of this machine."""


def print_listing(console: Console, listing: Listing, *, markdown: bool) -> None:
    """Print a listing as Markdown, or as a table of the terminal's width."""
    if markdown:
        console.file.write(listing.to_markdown() + "\n")
        return
    from rich.table import Table

    table = Table(header_style="bold")
    for place, column in enumerate(listing.columns):
        short = all(len(row[place]) <= _SHORT for row in listing.rows)
        table.add_column(column, overflow="fold", no_wrap=short)
    for row in listing.rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    console.print(table)
