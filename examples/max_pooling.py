"""Max pooling over spikes: ways to do it, and what each costs in error, delay and operations.

A spike says little by itself: the maximum of spikes in one step is not the maximum of rates, and each way to wait for
more of them costs time. Windows of 2 × 2 binary neurons are pooled, once with steady currents, as behind the first
layer of a network, and once with the weighted spikes of 32 others, as behind a deeper one.

Run it as ``python examples/max_pooling.py``; ``--quick`` takes fewer windows, and ``--plot FILE`` draws the errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeport.converter.dynamics import Signal, fire
from spikeport.converter.ops import Array, MaxPool, as_gate, as_rate_domain
from spikeport.converter.spiking import PRESETS

STEPS = (4, 8, 16, 32, 64)
WAITS = (2, 5, 10, 20)
MEMBERS = 4
POOL = MaxPool(pool_size=(MEMBERS,), strides=(MEMBERS,), padding=((0, 0),))
NEURON = PRESETS["binary"].neurons(np.ones(1, np.float32), np.ones(1, np.float32))


def spikes(z: Array) -> Array:
    """Return the spikes (0 or 1) of binary neurons with threshold 1 for currents ``(steps, windows, members, 1)``."""
    return fire(NEURON, z.shape[2:], Signal(z, False), len(z)).astype(np.float64)


def before_neurons(z: Array, s: Array) -> Array:
    """Pool the currents; one neuron spikes for the window."""
    return spikes(as_rate_domain(POOL, z))[:, :, 0, 0]


def on_counts(z: Array, s: Array) -> Array:
    """Pass a spike when the largest count of the window rises: what spikeport does where it cannot pool before."""
    return as_rate_domain(POOL, s)[:, :, 0, 0]


def gate(z: Array, s: Array) -> Array:
    """Pass the spikes of the member with the most so far, the first of equals."""
    return as_gate(POOL, s)[:, :, 0, 0]


def each_step(z: Array, s: Array) -> Array:
    """Pass a spike when any member spikes: what a tensor node of NengoDL computes."""
    return np.asarray(s.max(axis=2)[..., 0])


def averaged(z: Array, s: Array) -> Array:
    """Pass the mean of the members: average pooling in place of max pooling."""
    return np.asarray(s.mean(axis=2)[..., 0])


def counted(wait: int) -> Callable[[Array, Array], Array]:
    """Count for some steps, then pass the largest count, spread over the same time."""

    def form(z: Array, s: Array) -> Array:
        blocks = len(s) // wait
        counts = s[: blocks * wait].reshape(blocks, wait, *s.shape[1:3]).sum(axis=1).max(axis=-1) / wait
        held = np.repeat(counts, wait, axis=0)
        return np.concatenate([np.zeros((wait - 1, s.shape[1])), held])[: len(s)]

    return form


def filtered(wait: int) -> Callable[[Array, Array], Array]:
    """Pass the largest of the low-pass filtered trains; the time constant is so many steps."""

    def form(z: Array, s: Array) -> Array:
        decay, state, out = np.exp(-1 / wait), np.zeros(s.shape[1:3]), []
        for now in s[..., 0]:
            state = decay * state + (1 - decay) * now
            out.append(state.max(axis=1))
        return np.stack(out)

    return form


@dataclass(frozen=True)
class Form:
    """A way to pool.

    Attributes
    ----------
    pool
        Currents and spikes ``(steps, windows, members, 1)`` → what the window sends, ``(steps, windows)``.
    delay
        The steps before its first output.
    operations
        Additions, comparisons and products for a window in a step, from the spikes of the window in a step.
    """

    pool: Callable[[Array, Array], Array]
    operations: Callable[[float], float]
    delay: int = 0


FORMS: Mapping[str, Form] = {
    "before the neurons": Form(before_neurons, lambda n: 2 * MEMBERS - 1),
    "on counts": Form(on_counts, lambda n: n + MEMBERS - 1),
    "gate": Form(gate, lambda n: n + MEMBERS - 1),
    "each step": Form(each_step, lambda n: MEMBERS - 1),
    **{f"counted, {w} steps": Form(counted(w), lambda n, w=w: n + (MEMBERS - 1) / w, w - 1) for w in WAITS},
    **{f"filtered, {w} steps": Form(filtered(w), lambda n: n + 2 * MEMBERS - 1, w - 1) for w in WAITS},
    "average": Form(averaged, lambda n: n),
}


def image(windows: int, seed: int) -> tuple[Array, Array, Array]:
    """Return steady currents, currents from spikes, and the pooled ReLUs of one image, for the longest run and more."""
    weights = np.random.default_rng(0).normal(0.25, 1.0, (32, windows * MEMBERS)) / 12
    rates = np.random.default_rng(seed).random(32)
    means = np.minimum(rates @ weights, 1.0).reshape(1, windows, MEMBERS, 1)
    steady = np.repeat(means, STEPS[-1], axis=0)
    sent = spikes(np.repeat(rates[None, None, :, None], STEPS[-1], axis=0))[:, 0, :, 0]
    uneven = (sent @ weights).reshape(STEPS[-1], windows, MEMBERS, 1)
    return steady, uneven, np.maximum(means, 0).max(axis=2)[0, :, 0]


def errors(form: Form, z: Array, target: Array) -> list[float | None]:
    """Return the mean error of a window's mean output, in % of the largest rate, for each number of steps."""
    out = form.pool(z, spikes(z))
    return [
        100 * float(np.abs(out[form.delay : steps].mean(axis=0) - target).mean()) if steps > form.delay else None
        for steps in STEPS
    ]


def error_after_change(form: Form, old: Array, new: Array, target: Array) -> float:
    """Return the mean error, in %, over the 16 steps after the image changed at the end of the longest run."""
    z = np.concatenate([old, new[:16]])
    out = form.pool(z, spikes(z))[len(old) :]
    return 100 * float(np.abs(out.mean(axis=0) - target).mean())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer windows")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the errors over the steps")
    options = parser.parse_args()
    windows = 200 if options.quick else 5000
    steady, uneven, target = image(windows, seed=1)
    new_steady, new_uneven, new_target = image(windows, seed=2)
    per_step = spikes(uneven).sum(axis=2).mean()

    drawn: dict[str, dict[str, list[float | None]]] = {}
    for title, z, new in (("steady currents", steady, new_steady), ("currents from spikes", uneven, new_uneven)):
        print(f"\n{title}: error of the pooled rate, % of the largest rate, after so many steps")
        print(f"{'':20}" + "".join(f"{steps:7}" for steps in STEPS) + "  new image  delay  operations a step")
        drawn[title] = {}
        for name, form in FORMS.items():
            row = drawn[title][name] = errors(form, z, target)
            cells = "".join(f"{'-':>7}" if error is None else f"{error:7.1f}" for error in row)
            changed = error_after_change(form, z, new, new_target)
            print(f"{name:20}{cells}{changed:11.1f}{form.delay:7}{form.operations(per_step):19.1f}")
    print("\nnew image: the error over 16 steps after another image came in place of the first")
    if options.plot:
        draw(drawn, options.plot)
        print(f"drawn: {options.plot}")


def draw(tables: Mapping[str, Mapping[str, list[float | None]]], path: Path) -> None:
    """Draw the errors over the steps, a panel for each kind of current."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(tables), figsize=(10, 4), sharey=True, layout="constrained")
    for panel, (title, rows) in zip(panels, tables.items(), strict=True):
        for name, row in rows.items():
            known = [(steps, error) for steps, error in zip(STEPS, row, strict=True) if error is not None]
            panel.plot(*zip(*known, strict=True), marker="o", markersize=3, label=name)
        panel.set(title=title, xlabel="steps", xscale="log", yscale="log", xticks=STEPS, xticklabels=STEPS)
    panels[0].set_ylabel("error, % of the largest rate")
    panels[-1].legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path)


if __name__ == "__main__":
    main()
