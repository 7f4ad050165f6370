"""What a search found, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .result import TuneResult, TuneRow
from .settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_tuned", "row_in_words"]

_USUAL = Settings(steps=1)


def print_tuned(console: Console, result: TuneResult) -> None:
    """Print the front as a table."""
    from rich.table import Table

    console.print(
        f"{len(result.rows)} trials, calibrated on {result.calibration_samples} samples, "
        f"scored on {result.scored_samples} others"
    )
    if result.keras_accuracy is not None:
        console.print(f"Keras {100 * result.keras_accuracy:.2f} %")
    if result.stopped:
        console.print("stopped; the trials so far are kept")
    classes = result.rows[0].accuracy is not None
    table = Table(title="the conversions that no other beats", title_justify="left")
    for column in ("row", "loss", *(["accuracy" if result.has_labels else "agreement"] if classes else [])):
        table.add_column(column, justify="right")
    energies = ("spikes",) if result.energy == "spikes" else ("spikes", "operations")
    for column in ("steps", *energies, "events"):
        table.add_column(column, justify="right")
    table.add_column("other than usual")
    for row in result.front:
        table.add_row(*_cells(row, energies))
    console.print(table)


def _cells(row: TuneRow, energies: tuple[str, ...]) -> list[str]:
    settings = row.settings
    return [
        str(row.number),
        f"{row.loss:.2f}",
        *([] if row.accuracy is None else [f"{100 * row.accuracy:.2f} %"]),
        str(row.steps),
        *(f"{getattr(row, energy):,.0f}" for energy in energies),
        f"{settings.n_min}…{settings.n_max}",
        ", ".join(_unusual(settings)),
    ]


def _unusual(settings: Settings) -> list[str]:
    """Return in a word each what is not as `convert` has it without being told."""
    rule = settings.thresholds
    words = (
        (rule != _USUAL.thresholds, rule),
        (rule in ("fitted", "percentile") and settings.percentile != settings.usual_percentile, "p{percentile:g}"),
        (settings.initial_voltage != _USUAL.initial_voltage, "v0 {initial_voltage}"),
        (settings.bias, "bias"),
        (not settings.potential, "no potential"),
        (settings.read_out != _USUAL.read_out, "{read_out} read-out"),
        (settings.rate_scale != _USUAL.rate_scale, "×{rate_scale:.2f}"),
    )
    return [text.format_map(settings.to_json()) for applies, text in words if applies]


def row_in_words(row: TuneRow) -> str:
    """Return one row as part of a sentence."""
    return f"row {row.number}: {row.loss:.2f} points, {row.steps} steps, {row.spikes:,.0f} spikes"
