"""The calibration chain on spikes: layer by layer, each population fitted to what the fitted ones before it send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..dynamics import Signal, apply_over_steps, event_counts, fire
from ..graph import Graph, Node
from ..ops import Array, Input, Neurons, Output, sample_keys
from ..report import REASONS, ReportBuilder, Severity
from .max_pooling import note_pool_cost
from .population import calibrate_population
from .read_out import fit_read_out
from .sample_budget import samples_that_fit
from .stages import Stages
from .weights import calibrate_weights, feeds_one_population

__all__ = ["ChainResult", "calibrate_on_spikes"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ChainResult:
    """A calibrated network and what it puts out for the samples that it was calibrated on.

    Attributes
    ----------
    spikes
        Population → spikes of a sample in all steps; an event of size n is n spikes.
    outputs
        Each output's op, with what the model and the spiking network put out before it: ``(samples, *shape)``.
    count
        How many samples went through the spiking network.
    """

    graph: Graph
    report: ReportBuilder
    spikes: Mapping[str, float]
    outputs: tuple[tuple[Output, Array, Array], ...]
    count: int


def calibrate_on_spikes(
    graph: Graph,
    samples: Sequence[Array],
    n_steps: int,
    stages: Stages,
    report: ReportBuilder,
    on_progress: Callable[[int], None] = lambda done: None,
    *,
    rate_scales: Mapping[str, float] | None = None,
) -> ChainResult:
    """Return the spiking graph with each population fitted to spike trains.

    Parameters
    ----------
    graph
        With neurons whose thresholds come from a rule.
    samples
        One float32 array ``(samples, *shape)`` for each input; as many as `samples_that_fit` says are drawn from them.
    n_steps
        The steps that the network is meant for.
    on_progress
        Called with the number of populations that are done.
    rate_scales
        Population → its rate scale, in place of the stages'.
    """
    rng = np.random.default_rng(stages.seed)
    count = samples_that_fit(graph, n_steps, min(stages.samples, len(samples[0])))
    chosen = rng.permutation(len(samples[0]))[:count]  # in no order: the halves that stages compare are alike
    feeds = {node.name: x[chosen].astype(np.float32) for node, x in zip(graph.inputs, samples, strict=True)}
    told = _Told(report)
    left = {name: len(readers) for name, readers in graph.consumers.items()}
    rates: dict[str, Array] = {}
    trains: dict[str, Signal] = {}
    changed: dict[str, Node] = {}
    spikes: dict[str, float] = {}
    outputs: list[tuple[Output, Array, Array]] = []
    done = 0
    for node in graph.nodes.values():
        inputs, op = [trains[name] for name in node.inputs], node.op
        if isinstance(op, Input):
            rates[node.name], trains[node.name] = feeds[node.name], Signal(feeds[node.name][None], True)
        elif isinstance(op, Output):
            expected = rates[node.inputs[0]]
            if stages.read_out == "fitted" and not inputs[0].constant:
                op = fit_read_out(op, inputs[0], expected)
                changed[node.name] = replace(node, op=op)
            outputs.append((op, expected, inputs[0].over(n_steps)[op.start :].mean(axis=0)))
        else:
            rates[node.name] = op.apply(*(rates[name] for name in node.inputs))
            if isinstance(op, Neurons):
                scaled = replace(stages, rate_scale=(rate_scales or {}).get(node.name, stages.scale))
                found = calibrate_population(op, inputs[0], rates[node.name], n_steps, scaled, rng)
                changed[node.name] = replace(node, op=found.op)
                events = fire(found.op, node.shape, inputs[0], n_steps, sample_keys(0, node.name, 0, count))
                trains[node.name] = Signal(events * found.op.threshold, False)
                sent = event_counts(events)
                spikes[node.name] = sum(abs(n) * often for n, often in sent.items()) / count
                told.population(node, found.op, found.figures | {"events": _shares(sent)})
                done += 1
                on_progress(done)
            else:
                if stages.weights and feeds_one_population(graph, node):
                    fitted = calibrate_weights(op, inputs[0], rates[node.name], rng)
                    told.weights(node, fitted.figure, accepted=fitted.op is not op)
                    op = fitted.op
                    changed[node.name] = replace(node, op=op)
                trains[node.name] = apply_over_steps(op, inputs, n_steps)
                note_pool_cost(node, trains[node.name], inputs, rates[node.name], n_steps, report)
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                del rates[name], trains[name]
    told.whole(changed, stages, count, n_steps, rate_scales or {})
    made = graph.rewritten(changed.values())
    return ChainResult(graph=made, report=report, spikes=spikes, outputs=tuple(outputs), count=count)


def _shares(sent: Mapping[int, int]) -> str:
    """Return how often each value of an event is sent, in words."""
    total = sum(sent.values())
    return ", ".join(f"{n}: {100 * often / total:.2g} %" for n, often in sent.items())


class _Told:
    """What the chain tells the report."""

    def __init__(self, report: ReportBuilder) -> None:
        self._report = report
        self._figures: dict[str, dict[str, str]] = {}

    def population(self, node: Node, op: Neurons, figures: Mapping[str, str]) -> None:
        """Tell the figures of a population; those of several that came from one layer stand side by side."""
        layer = node.layers[0]
        before = self._figures.get(layer, {})
        self._figures[layer] = before | {
            name: f"{before[name]}; {figure}" if name in before else figure for name, figure in figures.items()
        }
        self._report.figures([layer], **self._figures[layer])
        if op.correction.any():
            self._approximate(layer, "bias-calibrated")

    def weights(self, node: Node, figure: str, *, accepted: bool) -> None:
        """Tell what became of the weights of a layer."""
        self._report.figures(node.layers[:1], weights=figure)
        if accepted:
            self._approximate(node.layers[0], "weights-calibrated")

    def whole(
        self, changed: Mapping[str, Node], stages: Stages, count: int, n_steps: int, rate_scales: Mapping[str, float]
    ) -> None:
        """Tell what concerns the whole network."""
        if stages.fits_neurons:
            self._report.note("fitted-to-spikes", f"for {n_steps} steps", samples=count)
        if rate_scales:
            low, high = min(rate_scales.values()), max(rate_scales.values())
            self._report.note("fewest-spikes", f"rates × {low:.2g}" + (f" to {high:.2g}" if high > low else ""))
        starts = [node.op.start for node in changed.values() if isinstance(node.op, Output)]
        if any(starts):
            self._report.note("read-out-delayed", f"the first {max(starts)} of {n_steps} steps are left out")

    def _approximate(self, layer: str, code: str) -> None:
        """Say what makes a layer approximate, unless something did already."""
        if REASONS[self._report.code_of(layer)].severity.rank < Severity.APPROXIMATE.rank:
            self._report.became([layer], code)
