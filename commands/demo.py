"""``spikeport demo``."""

from __future__ import annotations

import argparse

from .arguments import Commands
from .terminal import standard_output

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    demo = commands.add("demo", _demo, "convert and run a small trained model on the CPU and the Loihi emulator")
    demo.add_argument("--quick", action="store_true", help="fewer images")


def _demo(options: argparse.Namespace) -> int:
    from ..demo.digits import run_demo

    run_demo(standard_output(), quick=options.quick)
    return 0
