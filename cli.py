"""The command line: ``spikeport COMMAND …``.

Exit codes: 0 done, 1 the model cannot be converted or does not fit, 2 wrong use or an unreadable file. An error is one
sentence on the standard error stream; there are no tracebacks.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .converter.spiking.presets import PRESETS
from .errors import SpikeportError, UsageError
from .few_steps_options import add_correction, add_early_exit, correction_options, early_exit
from .plain_text import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from .converter.report import Report
    from .encoders import Encoder

__all__ = ["main"]

_BACKENDS = ("cpu", "nengo", "loihi")
_ENCODERS = ("constant", "poisson", "first-spike", "delta")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character gets a question mark
    try:
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except SpikeportError as error:
        print(f"spikeport: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # what read our output has seen enough: spikeport codes | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("spikeport: stopped; nothing was written", file=sys.stderr)
        return 130
    except (MemoryError, OSError) as error:
        print(f"spikeport: {type(error).__name__}: {one_line(str(error))}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spikeport",
        description="Turn a trained Keras model into a spiking neural network, and run it.",
        epilog="exit codes: 0 done; 1 the model cannot be converted or does not fit; 2 wrong use or unreadable file",
    )
    commands = parser.add_subparsers(required=True, title="commands")

    def add(name: str, command: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        sub.set_defaults(command=command)
        return sub

    demo = add("demo", _demo, "convert and run a small trained model on the CPU and the Loihi emulator")
    demo.add_argument("--quick", action="store_true", help="fewer images")

    check = add("check", _check, "say what would become of each layer")
    check.add_argument("model", metavar="MODEL", help="a .h5 or .keras file")
    check.add_argument("--backend", choices=_BACKENDS, help="say also what this backend makes of each layer")
    _add_architecture(check)
    _add_input_shape(check)
    _add_json(check)

    convert = add("convert", _convert, "convert a model and save the spiking network")
    convert.add_argument("model", metavar="MODEL", help="a .h5 or .keras file")
    convert.add_argument("-o", "--output", metavar="NET", type=Path, required=True, help="the file to write")
    convert.add_argument("--calibrate", metavar="DATA.npz", type=Path, help="samples x to take thresholds from")
    convert.add_argument("--steps", type=int, help="steps the network is meant for (default: 16)")
    text = "find the fewest steps that lose at most so many percentage points on new samples"
    convert.add_argument("--target-loss", type=float, metavar="POINTS", help=text)
    convert.add_argument("--max-steps", type=int, default=128, help="the most that --target-loss takes (default: 128)")
    text = "set a stage of the calibration: thresholds=mmse, bias=on, potential=off …; may be repeated"
    convert.add_argument("--stage", action="append", default=[], metavar="NAME=VALUE", help=text)
    convert.add_argument("--target", choices=_BACKENDS, default="cpu", help="the backend it is for (default: cpu)")
    convert.add_argument("--neurons", choices=tuple(PRESETS), help="the neuron, instead of the target's")
    convert.add_argument("--input-range", metavar="LOW,HIGH", type=_pair, default=(0.0, 1.0), help="without samples")
    convert.add_argument("--report", metavar="FILE.{json,txt}", type=Path, help="write the report to a file too")
    _add_architecture(convert)
    _add_input_shape(convert)

    parity = add("parity", _parity, "compare each layer of the rate network with the model")
    parity.add_argument("model", metavar="MODEL", help="a .h5 or .keras file")
    parity.add_argument("--data", metavar="DATA.npz", type=Path, help="samples x (default: 8 of noise)")
    parity.add_argument(
        "--with-keras", action="store_true", help="compare with Keras, which loads the file: for files you trust only"
    )
    _add_architecture(parity)
    _add_input_shape(parity)
    _add_json(parity)

    run = add("run", _run, "run a network on samples and save its outputs")
    _add_network_run(run)
    run.add_argument("-o", "--output", metavar="OUT.npz", type=Path, help="write outputs and counts to this file")
    _add_json(run)

    evaluate = add("evaluate", _evaluate, "score a network at every step, beside the Keras model")
    _add_network_run(evaluate)
    add_early_exit(evaluate)
    _add_json(evaluate)

    report = add("report", _report, "show the report of a saved network")
    report.add_argument("network", metavar="NET", type=Path, help="a file that convert wrote")
    report.add_argument("--backend", choices=_BACKENDS, help="say also what this backend makes of each layer")
    _add_json(report)

    for name, summary in (
        ("layers", "list the Keras layers and what becomes of each"),
        ("backends", "list the places where a network can run"),
        ("neurons", "list the neurons that ReLUs can become, and which backends take them"),
        ("encoders", "list the ways in which samples enter a network"),
        ("codes", "list the codes of the report"),
    ):
        listing = add(name, _list, summary)
        listing.set_defaults(listing=name)
        listing.add_argument("--markdown", action="store_true", help="as a Markdown table")
    return parser


def _add_network_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", metavar="NET", type=Path, help="a file that convert wrote")
    parser.add_argument("--data", metavar="DATA.npz", type=Path, required=True, help="samples x (and labels y)")
    parser.add_argument("--steps", type=int, help="steps for each sample (default: the network's or the backend's)")
    parser.add_argument("--backend", choices=_BACKENDS, default="cpu", help="where to run (default: cpu)")
    text = "how samples become currents (default: constant)"
    parser.add_argument("--encoder", choices=_ENCODERS, help=text)
    parser.add_argument("--encoder-seed", type=int, metavar="N", help="poisson: which random numbers (default: 0)")
    parser.add_argument("--samples", type=int, metavar="N", help="use the first N samples only")
    text = "samples x for a backend that calibrates itself (loihi); evaluate: for --early-exit too"
    parser.add_argument("--calibrate", metavar="DATA.npz", type=Path, help=text)
    parser.add_argument("--seed", type=int, help="of what random neurons draw (default: 0)")
    add_correction(parser)
    parser.add_argument("--target", choices=("sim", "loihi"), help="loihi: the emulator (default) or the hardware")


def _add_input_shape(parser: argparse.ArgumentParser) -> None:
    text = "shape of one sample, where the file does not hold it: 28,28,1"
    parser.add_argument("--input-shape", type=_shape, metavar="N,N,…", help=text)


def _add_architecture(parser: argparse.ArgumentParser) -> None:
    text = "the model's architecture, as model.to_json() returns it, where MODEL holds weights only"
    parser.add_argument("--architecture", metavar="FILE.json", type=Path, help=text)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers with commas between, received {text!r}") from None


def _pair(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected two numbers with a comma between, received {text!r}") from None
    return low, high


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _show_report(report: Report) -> None:
    from .converter.report.text import print_report

    print_report(report, _console())


def _demo(options: argparse.Namespace) -> int:
    from .demo.digits import run_demo

    run_demo(_console(), quick=options.quick)
    return 0


def _check(options: argparse.Namespace) -> int:
    from .conversion import check
    from .placement_report import with_backend

    report, graph = check(options.model, architecture=options.architecture, input_shape=options.input_shape)
    fits = True
    if options.backend and graph is not None:
        report, fits = with_backend(report, graph, options.backend)
    if options.json:
        _print_json(report.to_json())
    else:
        _show_report(report)
    return 0 if report.convertible and fits else 1


def _convert(options: argparse.Namespace) -> int:
    from .conversion import convert
    from .progress import progress_bars
    from .samples import load_npz

    if options.report is not None and options.report.suffix not in (".json", ".txt"):
        raise UsageError(f"--report: expected a .json or .txt file, received {options.report}")
    _require_new(options.output, options.report, reads=(Path(options.model), options.calibrate, options.architecture))
    calibration = load_npz(options.calibrate)[0] if options.calibrate else None
    from .converter.spiking import Stages

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
            architecture=options.architecture,
            input_shape=options.input_shape,
            input_range=options.input_range,
            on_progress=advance,
            on_fitted=fitted,
        )
    net.save(options.output)
    if options.report is not None:
        _write_report(net.report, options.report)
    _show_report(net.report)
    print(f"saved {options.output}")
    return 0


def _parity(options: argparse.Namespace) -> int:
    from .layer_parity import parity
    from .run_output import print_parity
    from .samples import load_npz

    data = load_npz(options.data)[0] if options.data else None
    result = parity(
        options.model,
        data,
        with_keras=options.with_keras,
        architecture=options.architecture,
        input_shape=options.input_shape,
    )
    if options.json:
        _print_json(result.to_json())
    else:
        print_parity(_console(), result)
    return 0 if result.first_difference is None else 1


def _write_report(report: Report, path: Path) -> None:
    from .converter.storage import written_at_once

    text = json.dumps(report.to_json(), indent=2) if path.suffix == ".json" else str(report)
    with written_at_once(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _require_new(*outputs: Path | None, reads: Sequence[Path | None]) -> None:
    """Refuse, before the work begins, outputs that cannot be written or that would replace what is read."""
    from .converter.storage import require_writable

    taken = [path.resolve() for path in reads if path is not None]
    for output in outputs:
        if output is not None:
            require_writable(output)
            if output.resolve() in taken:
                raise UsageError(f"{output}: expected a name for the output, received that of a file which is read")
            taken.append(output.resolve())


def _length(samples: Any) -> int:
    if isinstance(samples, dict):
        samples = list(samples.values())
    if isinstance(samples, list):
        samples = samples[0]
    shape = getattr(samples, "shape", ())
    return shape[0] if shape else 64


def _load_for_run(options: argparse.Namespace, labels: bool) -> tuple[Any, list[Any], Any, dict[str, Any]]:
    """Return the network, its samples, the labels and the backend's options."""
    from .network import load
    from .samples import as_samples, load_npz

    if options.samples is not None and options.samples < 1:
        raise UsageError(f"--samples: expected at least 1, received {options.samples}")
    net = load(options.network)
    x, y = load_npz(options.data, labels=labels)
    samples = [array[: options.samples] for array in as_samples(net.graph, x, sequences=True)]
    early = getattr(options, "early_exit", None) is not None
    for name in ("target",) if early else ("target", "calibrate"):
        if getattr(options, name) and options.backend != "loihi":
            raise UsageError(f"--{name}: expected with --backend loihi only")
    extra: dict[str, Any] = {"target": options.target} if options.target else {}
    if options.seed is not None:
        extra["seed"] = options.seed
    extra |= correction_options(options)
    if options.calibrate and not early:
        extra["calibration"] = as_samples(net.graph, load_npz(options.calibrate)[0])
    return net, samples, y[: options.samples] if y is not None and y.ndim else y, extra


def _encoder(options: argparse.Namespace) -> Encoder | None:
    from .encoders import encoder_named

    if options.encoder_seed is not None and options.encoder != "poisson":
        raise UsageError("--encoder-seed: expected with --encoder poisson only")
    if options.encoder is None:
        return None
    seed = {} if options.encoder_seed is None else {"seed": options.encoder_seed}
    return encoder_named(options.encoder, **seed)


def _run(options: argparse.Namespace) -> int:
    from .progress import progress_bar
    from .run_output import print_run, run_facts, save_run

    _require_new(options.output, reads=(options.network, options.data))
    encoder = _encoder(options)
    net, samples, labels, extra = _load_for_run(options, labels=False)
    steps = net.steps_for(options.backend, options.steps, samples)
    deployment = net.deploy(options.backend, **extra)
    with progress_bar(f"running on {options.backend}", len(samples[0])) as advance:
        result = deployment.run(samples, steps, encoder=encoder, on_progress=advance)
    facts = run_facts(result, deployment, backend=options.backend, labels=labels)
    if options.output is not None:
        save_run(options.output, result, facts)
    if options.json:
        _print_json(facts)
    else:
        print_run(_console(), facts)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from .evaluation import evaluate
    from .progress import progress_bar
    from .run_output import print_evaluation

    encoder = _encoder(options)
    net, samples, labels, extra = _load_for_run(options, labels=True)
    exits = early_exit(options, net, encoder, extra)
    extra |= {} if exits is None else {"exit": exits}
    with progress_bar(f"evaluating on {options.backend}", len(samples[0])) as advance:
        x = samples if len(samples) > 1 else samples[0]
        score = evaluate(
            net, x, labels, options.steps, backend=options.backend, encoder=encoder, on_progress=advance, **extra
        )
    if options.json:
        _print_json(score.to_json())
    else:
        print_evaluation(_console(), score)
    return 0


def _report(options: argparse.Namespace) -> int:
    from .network import load
    from .placement_report import with_backend

    net = load(options.network)
    report, fits = net.report, True
    if options.backend:
        report, fits = with_backend(report, net.graph, options.backend)
    if options.json:
        _print_json({**report.to_json(), "provenance": dict(net.provenance), "target_steps": net.target_steps})
    else:
        _show_report(report)
    return 0 if fits else 1


def _list(options: argparse.Namespace) -> int:
    from .listings import LISTINGS, print_listing

    print_listing(_console(), LISTINGS[options.listing](options.markdown), markdown=options.markdown)
    return 0
