"""``spikeport convert``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..converter.spiking.presets import PRESETS
from ..errors import UsageError
from .arguments import BACKENDS, Commands, add_architecture, add_input_shape, add_model, pair
from .terminal import require_new, show_report, write_report

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    convert = commands.add("convert", _convert, "convert a model and save the spiking network")
    add_model(convert)
    convert.add_argument("-o", "--output", metavar="NET", type=Path, required=True, help="the file to write")
    convert.add_argument("--calibrate", metavar="DATA.npz", type=Path, help="samples x to take thresholds from")
    convert.add_argument("--steps", type=int, help="steps the network is meant for (default: 16)")
    text = "find the fewest steps (with --steps: spikes) that lose at most so many percentage points on new samples"
    convert.add_argument("--target-loss", type=float, metavar="POINTS", help=text)
    convert.add_argument("--max-steps", type=int, default=128, help="the most that --target-loss takes (default: 128)")
    text = "set a stage of the calibration: thresholds=mmse, bias=on, potential=off …; may be repeated"
    convert.add_argument("--stage", action="append", default=[], metavar="NAME=VALUE", help=text)
    convert.add_argument("--target", choices=BACKENDS, default="cpu", help="the backend it is for (default: cpu)")
    convert.add_argument("--neurons", choices=tuple(PRESETS), help="the neuron, instead of the target's")
    text = "max pooling: before the neurons where it can be (default: auto), or behind them as rate or gate"
    convert.add_argument("--max-pool", choices=("auto", "rate", "gate"), default="auto", help=text)
    convert.add_argument("--input-range", metavar="LOW,HIGH", type=pair, default=(0.0, 1.0), help="without samples")
    convert.add_argument("--report", metavar="FILE.{json,txt}", type=Path, help="write the report to a file too")
    add_architecture(convert)
    add_input_shape(convert)


def _convert(options: argparse.Namespace) -> int:
    from ..conversion import convert
    from ..converter.spiking import Stages
    from ..progress import progress_bars
    from ..samples import load_npz

    if options.report is not None and options.report.suffix not in (".json", ".txt"):
        raise UsageError(f"--report: expected a .json or .txt file, received {options.report}")
    require_new(options.output, options.report, reads=(Path(options.model), options.calibrate, options.architecture))
    calibration = load_npz(options.calibrate)[0] if options.calibrate else None
    with progress_bars("calibrating", _length(calibration), then="fitting to spikes") as (advance, fitted):
        net = convert(
            options.model,
            calibration,
            target_steps=options.steps,
            target_loss=options.target_loss,
            max_steps=options.max_steps,
            stages=Stages.parse(options.stage) if options.stage else None,
            target=options.target,
            neurons=options.neurons,
            max_pool=options.max_pool,
            architecture=options.architecture,
            input_shape=options.input_shape,
            input_range=options.input_range,
            on_progress=advance,
            on_fitted=fitted,
        )
    net.save(options.output)
    if options.report is not None:
        write_report(net.report, options.report)
    show_report(net.report)
    print(f"saved {options.output}")
    return 0


def _length(samples: Any) -> int:
    if isinstance(samples, dict):
        samples = list(samples.values())
    if isinstance(samples, list):
        samples = samples[0]
    shape = getattr(samples, "shape", ())
    return shape[0] if shape else 64
