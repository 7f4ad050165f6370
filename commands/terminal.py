"""What commands print, and the files that they write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from ..converter.report import Report

__all__ = ["print_json", "require_new", "show_report", "standard_output", "write_report"]


def standard_output() -> Console:
    """Return the console that tables and colours go to."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def show_report(report: Report) -> None:
    """Print a report."""
    from ..converter.report.text import print_report

    print_report(report, standard_output())


def write_report(report: Report, path: Path) -> None:
    """Write a report to a file, as JSON or text by its suffix, at once or not at all."""
    from ..converter.storage import written_at_once

    text = json.dumps(report.to_json(), indent=2) if path.suffix == ".json" else str(report)
    with written_at_once(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def require_new(*outputs: Path | None, reads: Sequence[Path | None]) -> None:
    """Refuse, before the work begins, outputs that cannot be written or that would replace what is read."""
    from ..converter.storage import require_writable

    taken = [path.resolve() for path in reads if path is not None]
    for output in outputs:
        if output is not None:
            require_writable(output)
            if output.resolve() in taken:
                raise UsageError(f"{output}: expected a name for the output, received that of a file which is read")
            taken.append(output.resolve())
