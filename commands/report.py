"""``spikeport report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import BACKENDS, Commands, add_json
from .terminal import print_json, show_report

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    report = commands.add("report", _report, "show the report of a saved network")
    report.add_argument("network", metavar="NET", type=Path, help="a file that convert wrote")
    report.add_argument("--backend", choices=BACKENDS, help="say also what this backend makes of each layer")
    add_json(report)


def _report(options: argparse.Namespace) -> int:
    from ..network import load
    from ..placement_report import with_backend

    net = load(options.network)
    report, fits = net.report, True
    if options.backend:
        report, fits = with_backend(report, net.graph, options.backend)
    if options.json:
        print_json({**report.to_json(), "provenance": dict(net.provenance), "target_steps": net.target_steps})
    else:
        show_report(report)
    return 0 if fits else 1
