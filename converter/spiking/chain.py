"""The calibration chain on spikes: layer by layer, each population fitted to what the fitted ones before it send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from ..dynamics import Signal, apply_over_steps, fire
from ..graph import Graph, Node
from ..ops import Array, Conv, ConvTranspose, Dense, Input, Neurons, Output
from ..report import ReportBuilder
from .corrections import calibrate_bias, calibrate_potential
from .decomposition import KNOBS, decompose
from .fit import final_error, fit_threshold_and_voltage, sample_places
from .max_pooling import note_pool_cost
from .read_out import fit_read_out
from .stages import Stages

__all__ = ["calibrate_on_spikes", "samples_that_fit"]

_MEMORY = 2**30  # of all values that are held at once
_WORK = 2 * 10**11  # products of weights and values, over all samples and steps: some seconds to a minute
_LEAST_SAMPLES = 8


def samples_that_fit(graph: Graph, n_steps: int, wanted: int) -> int:
    """Return how many samples go through the spiking network: few for large networks and many steps, at least 8."""
    per_sample = 4 * (n_steps + 1) * _values_at_once(graph)
    work = n_steps * sum(_products(graph, node) for node in graph.nodes.values())
    most = min(_MEMORY // max(per_sample, 1), _WORK // max(work, 1))
    return min(wanted, max(most, _LEAST_SAMPLES))


def calibrate_on_spikes(
    graph: Graph,
    samples: Sequence[Array],
    n_steps: int,
    stages: Stages,
    report: ReportBuilder,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Graph:
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
    """
    rng = np.random.default_rng(stages.seed)
    count = samples_that_fit(graph, n_steps, min(stages.samples, len(samples[0])))
    chosen = np.sort(rng.permutation(len(samples[0]))[:count])
    feeds = {node.name: x[chosen].astype(np.float32) for node, x in zip(graph.inputs, samples, strict=True)}
    left = {name: len(readers) for name, readers in graph.consumers.items()}
    rates: dict[str, Array] = {}
    trains: dict[str, Signal] = {}
    changed: dict[str, Node] = {}
    done = 0
    for node in graph.nodes.values():
        if isinstance(node.op, Input):
            rates[node.name] = feeds[node.name]
            trains[node.name] = Signal(feeds[node.name][None], True)
            continue
        inputs = [trains[name] for name in node.inputs]
        if isinstance(node.op, Output):
            current, target = inputs[0], rates[node.inputs[0]]
            if stages.read_out == "fitted" and not current.constant:
                changed[node.name] = replace(node, op=fit_read_out(node.op, current, target))
            rates[node.name], trains[node.name] = target, current
        else:
            rates[node.name] = node.op.apply(*(rates[name] for name in node.inputs))
            if isinstance(node.op, Neurons):
                op = _fitted(node, node.op, inputs[0], rates[node.name], n_steps, stages, rng, report)
                changed[node.name] = replace(node, op=op)
                trains[node.name] = _sent(op, node, inputs[0], n_steps, report)
                done += 1
                on_progress(done)
            else:
                trains[node.name] = apply_over_steps(node.op, inputs, n_steps)
                note_pool_cost(node, trains[node.name], inputs, rates[node.name], n_steps, report)
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                del rates[name], trains[name]
    _tell(changed, count, n_steps, report)
    return graph.rewritten(changed.values())


def _fitted(
    node: Node,
    op: Neurons,
    current: Signal,
    target: Array,
    n_steps: int,
    stages: Stages,
    rng: np.random.Generator,
    report: ReportBuilder,
) -> Neurons:
    """Return one population after all the stages; each stage's error goes into the report."""
    trial = sample_places(current, target, n_steps, rng)
    errors = {"rule": final_error(op, trial)}
    fits = {"thresholds": stages.thresholds == "fitted", "voltages": stages.initial_voltage == "fitted"}
    if any(fits.values()):
        op = fit_threshold_and_voltage(op, trial, **fits, rate_scale=stages.rate_scale)
        errors["fitted"] = final_error(op, trial)
    if stages.bias or (stages.bias is None and not op.follows_rate):
        op = calibrate_bias(op, trial)
        if stages.bias and op.correction.any():
            report.became(node.layers[:1], "bias-calibrated")
        errors["bias"] = final_error(op, trial)
    parts = decompose(op, trial)
    if stages.potential:
        op = calibrate_potential(op, current, target, n_steps)
    told = {name: f"{100 * part:.1f} %" for name, part in parts.parts.items() if part >= 0.0005}
    report.figures(
        node.layers[:1],
        threshold=f"{op.threshold.min():.3g}…{op.threshold.max():.3g}",
        error_after=", ".join(f"{stage} {100 * error:.1f} %" for stage, error in errors.items()),
        error_from=", ".join(f"{name} {size}" for name, size in told.items()) or "nowhere",
        reduced_by=KNOBS[parts.largest],
    )
    return op


def _sent(op: Neurons, node: Node, current: Signal, n_steps: int, report: ReportBuilder) -> Signal:
    """Return what a population puts out, float32; the share of each value of an event goes into the report."""
    events = fire(op, node.shape, current, n_steps)
    counts = np.roll(np.bincount(events.reshape(-1).view(np.uint8), minlength=256), 128)  # from -128 on
    shares = {int(place) - 128: 100 * int(counts[place]) / events.size for place in np.flatnonzero(counts)}
    report.figures(node.layers[:1], events=", ".join(f"{n}: {share:.2g} %" for n, share in shares.items()))
    return Signal(events * op.threshold, False)


def _tell(changed: Mapping[str, Node], count: int, n_steps: int, report: ReportBuilder) -> None:
    starts = [node.op.start for node in changed.values() if isinstance(node.op, Output)]
    report.note("fitted-to-spikes", f"for {n_steps} steps", samples=count)
    if any(starts):
        report.note("read-out-delayed", f"the first {max(starts)} of {n_steps} steps are left out")


def _values_at_once(graph: Graph) -> int:
    """Return the most values of one sample that are held at once."""
    left = {name: len(readers) for name, readers in graph.consumers.items()}
    held = most = 0
    for node in graph.nodes.values():
        held += prod(node.shape)
        most = max(most, held + prod(node.shape))  # an op's copy of what it computes on
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                held -= prod(graph.nodes[name].shape)
    return most


def _products(graph: Graph, node: Node) -> int:
    """Return the products of weights and values in one step of one sample."""
    op = node.op
    if isinstance(op, Conv):
        return prod(node.shape[:-1]) * int(np.size(op.kernel))
    if isinstance(op, Dense | ConvTranspose):
        places = prod(graph.nodes[node.inputs[0]].shape[:-1])
        return places * int(np.size(op.kernel))
    return 0
