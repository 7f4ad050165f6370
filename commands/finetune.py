"""``spikeport finetune``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from .arguments import Commands, add_json
from .terminal import print_json, require_new

__all__ = ["add_to"]

_METHODS = ("qcfs", "rate", "surrogate", "loihi")


def add_to(commands: Commands) -> None:
    """Add the command."""
    tune = commands.add("finetune", _finetune, "train a converted network further, for few steps or few spikes")
    tune.add_argument("network", metavar="NET", type=Path, help="a network that convert saved")
    text = "training samples x (and labels y; without them towards the network's own rates)"
    tune.add_argument("--data", metavar="DATA.npz", type=Path, required=True, help=text)
    text = "steps to train for (default: those that the network was converted for)"
    tune.add_argument("--steps", type=int, metavar="T", help=text)
    tune.add_argument("-o", "--output", metavar="NET", type=Path, required=True, help="the file to write")
    text = "qcfs: quantised activations, without time; rate: through all steps, with the gradient of the mean rates; "
    text += "surrogate: back through time; loihi: the chip's neurons and weights, scored there (default: qcfs)"
    tune.add_argument("--method", choices=_METHODS, default="qcfs", help=text)
    tune.add_argument("--epochs", type=int, default=2, metavar="N", help="times through the samples (default: 2)")
    tune.add_argument("--batch", type=int, default=64, metavar="N", help="samples a batch (default: 64)")
    text = "of Adam at the start; it falls to 0 (default: 0.0005)"
    tune.add_argument("--learning-rate", type=float, default=5e-4, metavar="RATE", help=text)
    text = "keep the 99th percentile of each neuron's rates between these, in Hz"
    tune.add_argument("--rates", type=float, nargs=2, metavar=("LOW", "HIGH"), help=text)
    tune.add_argument("--seed", type=int, default=0, metavar="N", help="of the order of the samples (default: 0)")
    text = "labelled samples x and y to score on before and after"
    tune.add_argument("--test", metavar="DATA.npz", type=Path, help=text)
    add_json(tune)


def _finetune(options: argparse.Namespace) -> int:
    from ..finetuning import finetune
    from ..network import load
    from ..progress import progress_bar
    from ..samples import load_npz

    require_new(options.output, reads=(options.network, options.data, options.test))
    net = load(options.network)
    x, y = load_npz(options.data)
    steps = options.steps or net.target_steps
    score: Any = partial(_score, test=options.test, steps=steps, **_place(net, options.method, x))
    before = score(net)
    count = len(next(iter(x.values())) if isinstance(x, dict) else x)
    with progress_bar("training", count * options.epochs) as advance:
        tuned = finetune(
            net,
            x,
            y,
            n_steps=steps,
            method=options.method,
            epochs=options.epochs,
            batch_size=options.batch,
            learning_rate=options.learning_rate,
            rate_range=None if options.rates is None else tuple(options.rates),
            seed=options.seed,
            on_progress=advance,
        )
    after = score(tuned)
    tuned.save(options.output)
    if options.json:
        print_json({"steps": steps, "method": options.method, "before": before, "after": after})
        return 0
    plural = "step" if steps == 1 else "steps"
    if before and after:
        for name in before:
            print(f"{name.replace('_', ' ')} after {steps} {plural}: {before[name]:.4g} before, {after[name]:.4g} now")
    print(f"saved {options.output}")
    return 0


def _place(net: Any, method: str, x: Any) -> dict[str, Any]:
    """Return where to score: on the chip's emulator where the network is trained for it."""
    from ..samples import as_samples

    return {"backend": "loihi", "calibration": as_samples(net.graph, x)} if method == "loihi" else {}


def _score(net: Any, *, test: Path | None, steps: int, **place: Any) -> dict[str, float]:
    """Return the score after all steps, and the spikes of a sample; nothing without samples to score on."""
    from ..evaluation import evaluate
    from ..samples import load_npz

    if test is None:
        return {}
    x, y = load_npz(test, labels=True)
    found = evaluate(net, x, y, n_steps=steps, **place)
    score = {"accuracy": found.accuracy[-1]} if found.accuracy else {"error": found.mean_squared_error[-1]}
    return {**score, "spikes_per_sample": found.spikes_per_sample}
