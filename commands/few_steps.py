"""The options of the command line that save steps: a correction by a first phase, and an early exit."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from ..backends import EarlyExit
    from ..encoders import Encoder
    from ..network import SpikingNetwork

__all__ = ["add_correction", "add_early_exit", "correction_options", "early_exit"]

_CORRECTIONS = ("srp", "cos")
_RULES = ("margin", "probability", "stable")


def add_correction(parser: argparse.ArgumentParser) -> None:
    """Add --correction and --correction-steps."""
    text = "cpu: run each sample twice, the second time corrected by what the first one left on the membranes"
    parser.add_argument("--correction", choices=_CORRECTIONS, help=text)
    text = "steps of the first run (default: 4)"
    parser.add_argument("--correction-steps", type=int, metavar="N", help=text)


def add_early_exit(parser: argparse.ArgumentParser) -> None:
    """Add --early-exit and --exit-rule."""
    text = "cpu: stop each sample as soon as its output is sure, for a loss of at most so many percentage points; "
    text += "the threshold comes from the samples x, and labels y if there are any, of --calibrate"
    parser.add_argument("--early-exit", type=float, metavar="POINTS", help=text)
    parser.add_argument("--exit-rule", choices=_RULES, help="what says how sure it is (default: margin)")


def correction_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the backend's options for --correction.

    Raises
    ------
    UsageError
        For a backend that knows no correction, or steps without one.
    """
    if options.correction is None:
        if options.correction_steps is not None:
            raise UsageError("--correction-steps: expected with --correction only")
        return {}
    if options.backend != "cpu":
        raise UsageError("--correction: expected with --backend cpu only")
    from ..backends.cpu.two_phase import correction_named

    return {"correction": correction_named(options.correction, options.correction_steps)}


def early_exit(
    options: argparse.Namespace, net: SpikingNetwork, encoder: Encoder | None, extra: Mapping[str, Any]
) -> EarlyExit | None:
    """Return the early exit for --early-exit, calibrated for the other options of the run.

    Raises
    ------
    UsageError
        For a backend that knows no early exit, or where there is nothing to calibrate it with.
    """
    if options.early_exit is None:
        if options.exit_rule is not None:
            raise UsageError("--exit-rule: expected with --early-exit only")
        return None
    if options.backend != "cpu":
        raise UsageError("--early-exit: expected with --backend cpu only")
    if options.calibrate is None:
        raise UsageError("--early-exit: expected with --calibrate DATA.npz, samples to take the threshold from")
    from ..exit_calibration import calibrate_exit
    from ..progress import progress_bar
    from ..samples import as_samples, load_npz

    path: Path = options.calibrate
    x, y = load_npz(path)
    samples = as_samples(net.graph, x, sequences=True)
    with progress_bar("calibrating the early exit", len(samples[0])) as advance:
        return calibrate_exit(
            net,
            samples if len(samples) > 1 else samples[0],
            y,
            n_steps=options.steps,
            max_loss=options.early_exit,
            rule=options.exit_rule or "margin",
            encoder=encoder,
            on_progress=advance,
            **extra,
        )
