"""``spikeport tune``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .arguments import Commands, add_architecture, add_input_shape, add_json, add_model
from .terminal import print_json, require_new, standard_output

if TYPE_CHECKING:
    from ..tuning import TuneResult, TuneRow

__all__ = ["add_to"]

_ENERGIES = ("spikes", "operations")
_PREFERENCES = ("accuracy", "steps", "spikes")
_PICTURES = (".png", ".svg", ".pdf")
_LOSS = 1.0
_STOPPED = 130


def add_to(commands: Commands) -> None:
    """Add the command."""
    tune = commands.add("tune", _tune, "search the settings that lose little in few steps and few spikes")
    add_model(tune)
    tune.add_argument("--data", metavar="DATA.npz", type=Path, required=True, help="samples x (and labels y)")
    tune.add_argument("--trials", type=int, default=30, metavar="N", help="conversions in all (default: 30)")
    tune.add_argument("--max-steps", type=int, default=64, metavar="T", help="the most steps (default: 64)")
    text = "search below this loss, in percentage points, and choose there (default: search all, choose below 1)"
    tune.add_argument("--target-loss", type=float, metavar="POINTS", help=text)
    text = "what to minimise beside loss and steps (default: spikes)"
    tune.add_argument("--energy", choices=_ENERGIES, default="spikes", help=text)
    text = "score on so many samples at most (default: 1000)"
    tune.add_argument("--samples", type=int, default=1000, metavar="N", help=text)
    tune.add_argument("--seed", type=int, default=0, metavar="N", help="of the search (default: 0)")
    tune.add_argument("-o", "--output", metavar="STUDY", type=Path, help="keep the trials in this file")
    tune.add_argument("--resume", action="store_true", help="go on with the trials in STUDY")
    tune.add_argument("--plot", metavar="FILE.{png,svg,pdf}", type=Path, help="draw loss, steps and spikes")
    tune.add_argument("--save", nargs=2, metavar=("ROW", "NET"), help="save the network of a row")
    tune.add_argument("--save-best", metavar="NET", type=Path, help="save the network of the row that is preferred")
    text = "least loss, or fewest steps or spikes within the target loss (default: steps)"
    tune.add_argument("--prefer", choices=_PREFERENCES, default="steps", help=text)
    add_architecture(tune)
    add_input_shape(tune)
    add_json(tune)


def _tune(options: argparse.Namespace) -> int:
    from ..progress import progress_bar
    from ..samples import load_npz
    from ..tuning import tune
    from ..tuning.text import print_tuned

    row_number, row_net = _row_to_save(options)
    reads = (Path(options.model), options.data, options.architecture)
    require_new(options.output, options.plot, row_net, options.save_best, reads=reads)
    if options.plot is not None:
        _check_picture(options.plot)
    x, y = load_npz(options.data)
    with progress_bar("tuning", options.trials) as advance:
        result = tune(
            options.model,
            x,
            y,
            trials=options.trials,
            max_steps=options.max_steps,
            target_loss=options.target_loss,
            energy=options.energy,
            scored_samples=options.samples,
            seed=options.seed,
            study=options.output,
            resume=options.resume,
            architecture=options.architecture,
            input_shape=options.input_shape,
            on_progress=advance,
        )
    if options.json:
        print_json(result.to_json())
    else:
        print_tuned(standard_output(), result)
    if options.plot is not None:
        _draw(result, options.plot, Path(options.model).stem)
        _say(options, f"drew {options.plot}")
    if row_net is not None:
        _save(options, result, result.row(row_number), row_net)
    if options.save_best is not None:
        loss = _LOSS if options.target_loss is None else options.target_loss
        _save(options, result, result.pick(prefer=options.prefer, loss=loss), options.save_best)
    return _STOPPED if result.stopped else 0


def _row_to_save(options: argparse.Namespace) -> tuple[int, Path | None]:
    if options.save is None:
        return 0, None
    number, net = options.save
    if not number.isdigit():
        raise UsageError(f"--save: expected the number of a row, then a file, received {number!r}")
    return int(number), Path(net)


def _check_picture(path: Path) -> None:
    from importlib.util import find_spec

    if path.suffix not in _PICTURES:
        raise UsageError(f"--plot: expected a file of {', '.join(_PICTURES)}, received {path}")
    if find_spec("matplotlib") is None:
        raise UsageError("--plot: plots are drawn with matplotlib: pip install 'spikeport[plot]'")


def _draw(result: TuneResult, path: Path, name: str) -> None:
    from ..converter.storage import written_at_once
    from ..plots import pareto_front

    points = [row.objectives(result.energy) for row in result.rows]
    on_front = {row.number for row in result.front}
    ax = pareto_front(points, [row.number in on_front for row in result.rows], energy=result.energy, name=name)
    figure: Any = ax.figure  # a new Figure, though its type allows a part of one
    with written_at_once(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])


def _save(options: argparse.Namespace, result: TuneResult, row: TuneRow, path: Path) -> None:
    from ..tuning.text import row_in_words

    result.network(row).save(path)
    _say(options, f"saved {path}, {row_in_words(row)}")


def _say(options: argparse.Namespace, words: str) -> None:
    """Print a line beside the table; beside JSON there is none."""
    if not options.json:
        print(words)
