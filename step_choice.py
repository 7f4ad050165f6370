"""Choose the fewest steps, or spikes, that keep the accuracy, on samples that the network was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np

from .backends import backend_named
from .converter.graph import Graph
from .converter.ops import Array, Output
from .converter.report import ReportBuilder
from .converter.spiking import Tolerates, expected_loss

__all__ = ["StepChoice", "choose_rates", "choose_steps"]

_TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_HELD_OUT = 256  # samples at most
_BATCH = 16  # samples that go through the model at a time

MakeSpiking = Callable[[Sequence[Array], int, ReportBuilder, Tolerates | None], Graph]
"""Samples to fit to, steps, report, and what to accept while rates are lowered → spiking graph."""


@dataclass(frozen=True, kw_only=True)
class StepChoice:
    """What was chosen.

    Attributes
    ----------
    estimate
        The loss to expect on new samples, in percentage points.
    """

    n_steps: int
    graph: Graph
    report: ReportBuilder
    estimate: float


def choose_steps(
    make: MakeSpiking,
    model: Graph,
    samples: Sequence[Array],
    target_loss: float,
    max_steps: int,
    report: ReportBuilder,
) -> StepChoice:
    """Return the network with the fewest steps whose estimated loss is at most the target; else that of most steps.

    A part of the samples is held out; the network is fitted to the others, for more and more steps, until the loss that
    the held-out ones let expect is small enough.

    Parameters
    ----------
    model
        What the spiking network is held against: the graph whose ReLUs are still Activations.
    target_loss
        In percentage points.
    """
    fitted_on, held_out = _split(samples)
    expected = _outputs(model, held_out)
    tried = (*(n for n in _TRIED if n < max_steps), max_steps)
    for n_steps in tried:
        told = deepcopy(report)
        graph = make(fitted_on, n_steps, told, None)
        estimate = 100 * _expected_loss(graph, expected, held_out, n_steps)
        met = estimate <= target_loss
        if met or n_steps == tried[-1]:
            break
    words = f"at most {target_loss:g} points; {estimate:.2g} to expect after {n_steps} steps"
    told.note("steps-chosen" if met else "target-loss-missed", words, held_out_samples=len(held_out[0]))
    return StepChoice(n_steps=n_steps, graph=graph, report=told, estimate=estimate)


def choose_rates(
    make: MakeSpiking,
    model: Graph,
    samples: Sequence[Array],
    target_loss: float,
    n_steps: int,
    report: ReportBuilder,
) -> StepChoice:
    """Return the network with the fewest spikes in these steps whose estimated loss is at most the target.

    As `choose_steps`, with rates in place of steps; where nothing meets the target, that of the least error.
    """
    fitted_on, held_out = _split(samples)
    expected = _outputs(model, held_out)

    def loss(graph: Graph) -> float:
        return 100 * _expected_loss(graph, expected, held_out, n_steps)

    graph = make(fitted_on, n_steps, report, lambda found: loss(found.graph) <= target_loss)
    estimate = loss(graph)
    words = f"at most {target_loss:g} points; {estimate:.2g} to expect with these rates"
    met = estimate <= target_loss
    report.note("rates-chosen" if met else "target-loss-missed", words, held_out_samples=len(held_out[0]))
    return StepChoice(n_steps=n_steps, graph=graph, report=report, estimate=estimate)


def _split(samples: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Return the samples to fit to and those held out: half of them, the same ones where there is one only."""
    order = np.random.default_rng(0).permutation(len(samples[0]))
    held = min(_HELD_OUT, len(order) // 2)
    if not held:
        return list(samples), list(samples)
    return [x[np.sort(order[held:])] for x in samples], [x[np.sort(order[:held])] for x in samples]


def _bare(graph: Graph) -> Graph:
    """Return the graph without its last activations."""
    return graph.rewritten(
        replace(node, op=Output(start=node.op.start)) for node in graph.nodes.values() if isinstance(node.op, Output)
    )


def _outputs(model: Graph, samples: Sequence[Array]) -> dict[str, Array]:
    """Return what the model puts out before its last activations: Keras output name → ``(samples, *shape)``."""
    bare = _bare(model)
    parts: dict[str, list[Array]] = {name: [] for name in bare.outputs}
    for start in range(0, len(samples[0]), _BATCH):
        feeds = {n.name: x[start : start + _BATCH] for n, x in zip(bare.inputs, samples, strict=True)}
        values = bare.evaluate(feeds)
        for name, place in bare.outputs.items():
            parts[name].append(values[place])
    return {name: np.concatenate(values) for name, values in parts.items()}


def _expected_loss(graph: Graph, expected: dict[str, Array], samples: Sequence[Array], n_steps: int) -> float:
    """Return the loss to expect on new samples after so many steps, 0…1: that of the worst output."""
    found = backend_named("cpu").deploy(_bare(graph)).run(samples, n_steps).outputs
    return max(
        expected_loss(expected[name], found[name], graph.nodes[place].op) for name, place in graph.outputs.items()
    )
