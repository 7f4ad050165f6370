"""``spikeport run`` and ``spikeport evaluate``: a saved network on samples."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .arguments import BACKENDS, ENCODERS, Commands, add_json
from .few_steps import add_correction, add_early_exit, correction_options, early_exit
from .terminal import print_json, require_new, standard_output

if TYPE_CHECKING:
    from ..encoders import Encoder

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the commands."""
    run = commands.add("run", _run, "run a network on samples and save its outputs")
    _add_network_run(run)
    run.add_argument("-o", "--output", metavar="OUT.npz", type=Path, help="write outputs and counts to this file")
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
    add_correction(parser)
    parser.add_argument("--target", choices=("sim", "loihi"), help="loihi: the emulator (default) or the hardware")


def _run(options: argparse.Namespace) -> int:
    from ..progress import progress_bar
    from ..run_output import print_run, run_facts, save_run

    require_new(options.output, reads=(options.network, options.data))
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
        print_json(facts)
    else:
        print_run(standard_output(), facts)
    return 0


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
