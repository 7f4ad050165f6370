"""A progress bar for long work, on the standard error stream and only where somebody looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["progress_bar", "progress_bars"]


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar with samples per second and the time left; yield a callback that takes how many more are done."""
    with _progress() as progress:
        yield _advance(progress, what, total)


@contextmanager
def progress_bars(
    what: str, total: int, *, then: str
) -> Iterator[tuple[Callable[[int], None], Callable[[int, int], None]]]:
    """Show a bar as `progress_bar`, and a second one, which appears with its first call: how many are done, of all."""
    with _progress() as progress:
        advance = _advance(progress, what, total)
        second: list[Any] = []

        def further(done: int, total: int) -> None:
            if not second:
                second.append(progress.add_task(then, total=total, rate=""))
            progress.update(second[0], completed=done, total=total)

        yield advance, further


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())


def _advance(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    task = progress.add_task(what, total=total, rate="")

    def advance(done: int) -> None:
        progress.advance(task, done)
        speed = next(t.speed for t in progress.tasks if t.id == task)
        progress.update(task, rate=f"{speed:.0f} samples/s" if speed and speed >= 10 else "")

    return advance
