"""Put neurons in the place of ReLUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..graph import Graph
from ..report import REASONS, ReportBuilder, Severity
from .histograms import ActivationHistogram, relu_nodes
from .presets import NeuronPreset
from .stages import Stages
from .thresholds import channel_scale, threshold_by_rule

__all__ = ["count_neurons", "insert_neurons"]


def insert_neurons(
    graph: Graph,
    histograms: Mapping[str, ActivationHistogram],
    preset: NeuronPreset,
    report: ReportBuilder,
    *,
    stages: Stages,
    n_steps: int,
) -> Graph:
    """Return the spiking graph: each ReLU with a histogram becomes Neurons, with thresholds from a rule.

    Parameters
    ----------
    histograms
        ReLU node name → distribution of its activations.
    preset
        The kind of neuron, and how its threshold follows from the distribution.
    stages
        Which rule; a fit on spike trains starts from the percentile.
    n_steps
        The steps that the network is meant for.
    """
    count_neurons(graph, report)
    changed = []
    silent_total, random = 0, False
    for name, histogram in histograms.items():
        node = graph.nodes[name]
        scale, silent = channel_scale(histogram, preset.percentile)
        threshold = threshold_by_rule(stages.thresholds, histogram, preset, n_steps)
        if stages.thresholds != "fitted":  # those are scaled after the fit
            threshold = threshold / stages.scale
        op = preset.neurons(threshold.astype(np.float32), scale.astype(np.float32))
        if stages.initial_voltage == "zero":
            op = replace(op, initial_voltage=0.0)
        changed.append(replace(node, op=op))
        if not op.follows_rate:
            _say_what_is_lost(node.layers[:1], preset, report)
        random = random or op.random
        silent_total += silent
        report.figures(node.layers[:1], threshold=f"{threshold.min():.3g}…{threshold.max():.3g}")
    if silent_total:
        report.note("channel-never-active", f"{silent_total} channels")
    if random:
        report.note("neurons-random", f"{preset.name} neurons")
    if not histograms:
        report.note("no-neurons")
    return graph.rewritten(changed) if changed else graph


def count_neurons(graph: Graph, report: ReportBuilder) -> None:
    """Add the number of neurons to the layers whose ReLUs become neurons."""
    totals: dict[str, int] = {}
    for name in relu_nodes(graph):
        node = graph.nodes[name]
        totals[node.layers[0]] = totals.get(node.layers[0], 0) + int(np.prod(node.shape))
    for layer, total in totals.items():
        report.figures([layer], neurons=total)


def _say_what_is_lost(layers: Sequence[str], preset: NeuronPreset, report: ReportBuilder) -> None:
    """Say of layers that their neurons lose current, unless something worse was said of them."""
    worst = Severity.APPROXIMATE.rank
    layers = [name for name in layers if REASONS[report.code_of(name)].severity.rank < worst]
    report.became(layers, "neurons-lose-rate", f"{preset.name} neurons")
