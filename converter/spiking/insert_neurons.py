"""Put neurons in the place of ReLUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..graph import Graph
from ..ops import Array
from ..report import REASONS, ReportBuilder, Severity
from .calibration import ActivationHistogram, relu_nodes
from .presets import NeuronPreset

__all__ = ["count_neurons", "insert_neurons"]

_SMALLEST = 1e-6  # of the layer's largest scale: a channel that is hardly ever active gets no smaller threshold


def insert_neurons(
    graph: Graph,
    histograms: Mapping[str, ActivationHistogram],
    preset: NeuronPreset,
    report: ReportBuilder,
) -> Graph:
    """Return the spiking graph: each ReLU with a histogram becomes Neurons.

    Parameters
    ----------
    histograms
        ReLU node name → distribution of its activations.
    preset
        The kind of neuron, and how its threshold follows from the distribution.
    """
    count_neurons(graph, report)
    changed = []
    silent_total, random = 0, False
    for name, histogram in histograms.items():
        node = graph.nodes[name]
        scale, silent = _scale(histogram, preset.percentile)
        threshold = scale * preset.threshold_factor
        op = preset.neurons(threshold.astype(np.float32), scale.astype(np.float32))
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


def _scale(histogram: ActivationHistogram, percentile: float) -> tuple[Array, int]:
    """Return each channel's activation at the percentile, and how many channels never were active."""
    scale = histogram.percentile(percentile)
    largest = float(scale.max(initial=0.0)) or 1.0
    silent = scale <= 0
    return np.where(silent, largest, np.maximum(scale, _SMALLEST * largest)), int(silent.sum())
