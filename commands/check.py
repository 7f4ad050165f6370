"""``spikeport check``."""

from __future__ import annotations

import argparse

from .arguments import BACKENDS, Commands, add_architecture, add_input_shape, add_json, add_model
from .terminal import print_json, show_report

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    check = commands.add("check", _check, "say what would become of each layer")
    add_model(check)
    check.add_argument("--backend", choices=BACKENDS, help="say also what this backend makes of each layer")
    add_architecture(check)
    add_input_shape(check)
    add_json(check)


def _check(options: argparse.Namespace) -> int:
    from ..conversion import check
    from ..placement_report import with_backend

    report, graph = check(options.model, architecture=options.architecture, input_shape=options.input_shape)
    fits = True
    if options.backend and graph is not None:
        report, fits = with_backend(report, graph, options.backend)
    if options.json:
        print_json(report.to_json())
    else:
        show_report(report)
    return 0 if report.convertible and fits else 1
