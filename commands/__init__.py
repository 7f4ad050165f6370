"""The commands of the command line, one module for each or for a family; each has `add_to`.

What a command needs is imported when it runs, so that ``spikeport --help`` and ``spikeport check`` are quick.
"""

from __future__ import annotations

from . import check, chip, convert, demo, finetune, ladder, listings, parity, report, run, tune
from .arguments import Commands

__all__ = ["Commands", "add_all"]


def add_all(commands: Commands) -> None:
    """Add every command, in the order of the help."""
    for module in (demo, check, convert, parity, run, chip, ladder, finetune, tune, report, listings):
        module.add_to(commands)
