"""What a run or an evaluation gave, for the terminal and for files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .backends import Deployment, RunResult
from .converter.ops import Array
from .evaluation import Evaluation
from .layer_parity import Parity
from .plain_text import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_evaluation", "print_parity", "print_profile", "print_run", "run_facts"]


def run_facts(result: RunResult, deployment: Deployment, *, backend: str, labels: Array | None) -> dict[str, Any]:
    """Return the figures of a run, and what the backend says of the network, as JSON values."""
    output = result.output
    operations = result.synaptic_operations
    facts: dict[str, Any] = {
        "backend": backend,
        "samples": len(output),
        "steps": result.n_steps,
        "extra_steps": result.extra_steps,
        "spikes_per_sample": {name: float(c.mean()) for name, c in result.spike_counts.items()},
        "synaptic_operations_per_sample": None if operations is None else float(operations.mean()),
        "input_events_per_sample": None if result.input_events is None else float(result.input_events.mean()),
        "deployment": dict(deployment.facts),
    }
    if output.ndim == 2 and output.shape[1] > 1:
        classes = output.argmax(axis=1)
        facts["classes"] = [int(c) for c in classes[:20]]
        if labels is not None and labels.shape == classes.shape:
            facts["right"] = int((classes == labels).sum())
    return facts


def print_run(console: Console, facts: Mapping[str, Any]) -> None:
    """Print the figures of a run."""
    extra = f" after {facts['extra_steps']} of a first phase" if facts["extra_steps"] else ""
    console.print(f"{facts['samples']} samples, {facts['steps']} steps{extra} on {facts['backend']}")
    if "right" in facts:
        console.print(f"right: {facts['right']} of {facts['samples']}")
    if "classes" in facts:
        more = " …" if facts["samples"] > len(facts["classes"]) else ""
        console.print("classes: " + " ".join(map(str, facts["classes"])) + more)
    for name, count in facts["spikes_per_sample"].items():
        console.print(one_line(f"spikes per sample, {name}: {count:,.0f}"), markup=False)
    if facts["input_events_per_sample"] is not None:
        console.print(f"input events per sample: {facts['input_events_per_sample']:,.0f}")
    if facts["synaptic_operations_per_sample"] is not None:
        console.print(f"synaptic operations per sample: {facts['synaptic_operations_per_sample']:,.0f}")
    _print_tree(console, facts["deployment"], "")


def print_profile(console: Console, layers: Sequence[Mapping[str, Any]]) -> None:
    """Print what each layer cost: `Profile.to_json`."""
    from rich.table import Table

    table = Table(title="cost of each layer, over all threads", title_justify="left")
    table.add_column("layer", overflow="fold")
    table.add_column("way")
    for column in ("seconds", "share", "spikes", "synaptic operations", "density"):
        table.add_column(column, justify="right")
    whole = sum(layer["seconds"] for layer in layers) or 1.0
    for layer in layers:
        sends = layer["density"] is not None
        figures = (f"{layer['seconds']:.3f}", f"{100 * layer['seconds'] / whole:.0f} %")
        spikes = (
            (
                f"{layer['spikes_per_sample']:,.0f}",
                f"{layer['synaptic_operations_per_sample']:,.0f}",
                f"{100 * layer['density']:.1f} %",
            )
            if sends
            else ("", "", "")
        )
        table.add_row(one_line(layer["name"]).replace("[", "\\["), layer["way"], *figures, *spikes)
    console.print(table)


def _print_tree(console: Console, values: Mapping[str, Any], indent: str) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and any(isinstance(v, Mapping) for v in value.values()):
            console.print(f"{indent}{one_line(name)}:", markup=False)
            _print_tree(console, value, indent + "  ")
        elif isinstance(value, Mapping):
            inner = ", ".join(f"{key} {_plain(v)}" for key, v in value.items())
            console.print(indent + one_line(f"{name}: {inner}"), soft_wrap=True, markup=False)
        else:
            console.print(indent + one_line(f"{name}: {_plain(value)}"), soft_wrap=True, markup=False)


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def print_evaluation(console: Console, score: Evaluation) -> None:
    """Print the score against the steps as a small chart, beside Keras's own."""
    console.print(f"{score.samples} samples on {score.backend}, {score.seconds:.1f} s")
    classes = score.keras_accuracy is not None
    values = score.accuracy if classes else score.mean_squared_error
    keras = score.keras_accuracy if classes else score.keras_mean_squared_error
    highest = 1.0 if classes else max(*values, keras or 0.0) or 1.0
    for step in _shown_steps(len(values)):
        value = values[step - 1]
        bar = "█" * round(40 * value / highest)
        text = f"{100 * value:6.2f} %" if classes else f"{value:.6f}"
        console.print(f"step {step:4d}  {text}  {bar}")
    if keras is not None:
        text = f"{100 * keras:6.2f} %" if classes else f"{keras:.6f}"
        console.print(f"Keras      {text}  {'█' * round(40 * keras / highest)}")
    if score.extra_steps:
        console.print(f"each after a first phase of {score.extra_steps} steps, whose spikes are counted too")
    if score.mean_steps is not None:
        console.print(f"mean steps {score.mean_steps:.1f} of {score.steps}")
        console.print("stopped at step: " + ", ".join(f"{t} {n}" for t, n in enumerate(score.exit_steps, 1) if n))
    console.print(
        f"spikes per sample {score.spikes_per_sample:,.0f}, "
        f"synaptic operations per sample {score.synaptic_operations_per_sample:,.0f}"
    )
    if score.input_events_per_sample is not None:
        console.print(f"input events per sample {score.input_events_per_sample:,.0f}")


def print_parity(console: Console, result: Parity) -> None:
    """Print how close each layer is, and the first that differs."""
    from rich.table import Table

    table = Table(title=f"the rate network beside {result.reference}, {result.samples} samples", title_justify="left")
    table.add_column("layer", overflow="fold")
    for column in ("largest difference", "of the range", "correlation"):
        table.add_column(column, justify="right")
    for row in result.layers:
        style = "" if row.same else "bold red"
        figures = (f"{row.maximum:.1e}", f"{row.relative:.1e}", f"{row.correlation:.6f}")
        table.add_row(one_line(row.layer).replace("[", "\\["), *figures, style=style)
    console.print(table)
    first = result.first_difference
    console.print(
        "all the same" if first is None else f"first layer that differs: {one_line(first.layer)}", markup=False
    )


def _shown_steps(steps: int) -> list[int]:
    """Return 1, 2, 4, 8 … and the last step."""
    shown = [2**k for k in range(steps.bit_length()) if 2**k <= steps]
    return shown if shown[-1] == steps else [*shown, steps]
