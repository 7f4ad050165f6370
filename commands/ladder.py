"""``spikeport ladder``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Commands, add_json
from .terminal import print_json, standard_output

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    ladder = commands.add("ladder", _ladder, "show where accuracy is lost on the way to Loihi")
    ladder.add_argument("network", metavar="NET", type=Path, help="a file that convert --target loihi wrote")
    ladder.add_argument("--data", metavar="DATA.npz", type=Path, required=True, help="samples x, and labels y")
    ladder.add_argument("--calibrate", metavar="DATA.npz", type=Path, help="samples x like those to come")
    ladder.add_argument("--steps", type=int, help="steps for each sample (default: the network's or the backend's)")
    ladder.add_argument("--samples", type=int, metavar="N", help="use the first N samples only")
    add_json(ladder)


def _ladder(options: argparse.Namespace) -> int:
    from ..errors import UsageError
    from ..loihi_ladder import ladder
    from ..network import load
    from ..progress import progress_bar
    from ..samples import as_samples, load_npz

    if options.samples is not None and options.samples < 1:
        raise UsageError(f"--samples: expected at least 1, received {options.samples}")
    net = load(options.network)
    x, y = load_npz(options.data)
    samples = [array[: options.samples] for array in as_samples(net.graph, x)]
    with progress_bar("loihi ladder", len(samples[0])) as advance:
        result = ladder(
            net,
            samples if len(samples) > 1 else samples[0],
            None if y is None else y[: options.samples],
            options.steps,
            calibration=load_npz(options.calibrate)[0] if options.calibrate else None,
            on_progress=advance,
        )
    if options.json:
        print_json(result.to_json())
    else:
        standard_output().print(str(result), markup=False, highlight=False)
    return 0
