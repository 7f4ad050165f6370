"""``spikeport run`` and ``spikeport evaluate``: a saved network on samples."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .arguments import BACKENDS, ENCODERS, Commands, add_json
from .few_steps import add_correction, add_early_exit, correction_options, early_exit
from .terminal import print_json, require_new, standard_output

if TYPE_CHECKING:
    from ..backends import Deployment
    from ..encoders import Encoder
    from ..network import SpikingNetwork
    from ..run_parts import Parts

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the commands."""
    run = commands.add("run", _run, "run a network on samples and save its outputs")
    _add_network_run(run)
    text = "write outputs and counts to this .npz or .h5 file; a run that was stopped goes on from OUT.parts"
    run.add_argument("-o", "--output", metavar="OUT", type=Path, help=text)
    text = "write the events of this population too; may be given several times"
    run.add_argument("--record", metavar="LAYER", action="append", default=[], help=text)
    text = "cpu: show the time, the spikes and the operations of each layer"
    run.add_argument("--profile", action="store_true", help=text)
    add_json(run)

    evaluate = commands.add("evaluate", _evaluate, "score a network at every step, beside the Keras model")
    _add_network_run(evaluate)
    add_early_exit(evaluate)
    add_json(evaluate)


def _add_network_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", metavar="NET", type=Path, help="a file that convert wrote")
    parser.add_argument("--data", metavar="DATA.npz", type=Path, required=True, help="samples x (and labels y)")
    parser.add_argument("--steps", type=int, help="steps for each sample (default: the network's or the backend's)")
    parser.add_argument("--backend", choices=BACKENDS, default="cpu", help="where to run (default: cpu)")
    text = "how samples become currents (default: constant)"
    parser.add_argument("--encoder", choices=ENCODERS, help=text)
    parser.add_argument("--encoder-seed", type=int, metavar="N", help="poisson: which random numbers (default: 0)")
    parser.add_argument("--samples", type=int, metavar="N", help="use the first N samples only")
    text = "samples x for a backend that calibrates itself (loihi); evaluate: for --early-exit too"
    parser.add_argument("--calibrate", metavar="DATA.npz", type=Path, help=text)
    parser.add_argument("--seed", type=int, help="of what random neurons draw (default: 0)")
    parser.add_argument("--jobs", type=int, metavar="N", help="cpu, loihi: threads (default: one a processor)")
    parser.add_argument("--memory", type=int, metavar="MIB", help="cpu, loihi: about how much memory to take")
    add_correction(parser)
    text = "loihi: the emulator (default), the same without rounding, or the hardware"
    parser.add_argument("--target", choices=("sim", "float", "loihi"), help=text)


def _run(options: argparse.Namespace) -> int:
    from ..progress import progress_bar
    from ..run_output import print_profile, print_run, run_facts

    require_new(options.output, reads=(options.network, options.data))
    if options.record and options.output is None:
        raise UsageError("--record: expected with -o OUT only, the file that the events go to")
    encoder = _encoder(options)
    net, samples, labels, extra = _load_for_run(options, labels=False)
    if options.profile:
        if options.backend != "cpu":
            raise UsageError("--profile: expected with --backend cpu only")
        extra["profile"] = True
    record = net.populations_named(options.record)
    steps = net.steps_for(options.backend, options.steps, samples)
    deployment = net.deploy(options.backend, **extra)
    with progress_bar(_what(options.backend), len(samples[0])) as advance:
        if options.output is None:
            result = deployment.run(samples, steps, encoder=encoder, on_progress=advance)
        else:
            parts = _run_parts(options, net, deployment, samples, steps, encoder, record, extra, advance)
            result = parts.without_steps()
    facts = run_facts(result, deployment, backend=options.backend, labels=labels)
    if options.output is not None:
        from ..run_file import write_run

        write_run(options.output, parts, facts)
        parts.remove()
    profile = [] if not options.profile else deployment.profile.to_json()
    if options.json:
        print_json({**facts, "profile": profile} if options.profile else facts)
    else:
        print_run(standard_output(), facts)
        if options.profile:
            print_profile(standard_output(), profile)
    return 0


def _what(backend: str) -> str:
    """Return what the progress bar says."""
    if backend == "cpu":
        from ..backends.cpu.engine import is_compiled
    elif backend == "loihi":
        from ..backends.loihi.emulator.run import is_compiled
    else:
        return f"running on {backend}"
    first = not is_compiled()
    return "compiling for this processor, once, then running" if first else f"running on {backend}"


def _run_parts(
    options: argparse.Namespace,
    net: SpikingNetwork,
    deployment: Deployment,
    samples: list[Any],
    steps: int,
    encoder: Encoder | None,
    record: tuple[str, ...],
    extra: dict[str, Any],
    advance: Callable[[int], None],
) -> Parts:
    """Run in parts beside the output, and say how to go on where the run is stopped."""
    from math import prod

    from ..run_parts import fingerprint, run_in_parts

    changing = {name: value for name, value in extra.items() if name not in ("profile", "n_jobs", "memory")}
    calibration = changing.pop("calibration", [])
    said = (options.backend, steps, repr(encoder), record, sorted(changing.items(), key=str))
    key = fingerprint(options.network, *samples, *calibration, *said)
    outputs = sum(prod(net.graph.nodes[place].shape) for place in net.graph.outputs.values())
    value_bytes = steps * (4 * outputs + sum(prod(net.graph.nodes[name].shape) for name in record))
    folder = options.output.with_name(options.output.name + ".parts")

    def resumed(done: int) -> None:
        print(f"spikeport: going on after {done:,} samples of {folder}", file=sys.stderr)

    try:
        return run_in_parts(
            deployment,
            samples,
            steps,
            folder,
            key,
            value_bytes=value_bytes,
            encoder=encoder,
            record=record,
            on_progress=advance,
            on_resume=resumed,
        )
    except KeyboardInterrupt:
        if folder.is_dir():
            raise KeyboardInterrupt(f"stopped; the same command goes on from {folder}") from None
        raise


def _evaluate(options: argparse.Namespace) -> int:
    from ..evaluation import evaluate
    from ..progress import progress_bar
    from ..run_output import print_evaluation

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
        print_json(score.to_json())
    else:
        print_evaluation(standard_output(), score)
    return 0


def _load_for_run(options: argparse.Namespace, labels: bool) -> tuple[Any, list[Any], Any, dict[str, Any]]:
    """Return the network, its samples, the labels and the backend's options."""
    from ..network import load
    from ..samples import as_samples, load_npz

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
    for name, value in (("jobs", options.jobs), ("memory", options.memory)):
        if value is not None and (value < 1 or options.backend not in ("cpu", "loihi")):
            raise UsageError(f"--{name}: expected at least 1, and with --backend cpu or loihi only")
    extra |= {} if options.jobs is None else {"n_jobs": options.jobs}
    extra |= {} if options.memory is None else {"memory": options.memory * 2**20}
    extra |= correction_options(options)
    if options.calibrate and not early:
        extra["calibration"] = as_samples(net.graph, load_npz(options.calibrate)[0])
    return net, samples, y[: options.samples] if y is not None and y.ndim else y, extra


def _encoder(options: argparse.Namespace) -> Encoder | None:
    from ..encoders import encoder_named

    if options.encoder_seed is not None and options.encoder != "poisson":
        raise UsageError("--encoder-seed: expected with --encoder poisson only")
    if options.encoder is None:
        return None
    seed = {} if options.encoder_seed is None else {"seed": options.encoder_seed}
    return encoder_named(options.encoder, **seed)
