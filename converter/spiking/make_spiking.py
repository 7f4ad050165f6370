"""From the graph of activations to the graph of neurons, for a number of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

from ..graph import Graph
from ..ops import Array
from ..report import ReportBuilder
from .chain import ChainResult, calibrate_on_spikes
from .fewest_spikes import fewest_spikes
from .histograms import ActivationHistogram
from .insert_neurons import insert_neurons
from .presets import NeuronPreset
from .stages import Stages

__all__ = ["make_spiking"]


def make_spiking(
    graph: Graph,
    histograms: Mapping[str, ActivationHistogram],
    samples: Sequence[Array],
    preset: NeuronPreset,
    *,
    stages: Stages,
    n_steps: int,
    report: ReportBuilder,
    on_fitted: Callable[[int, int], None],
) -> Graph:
    """Return the spiking graph after all the stages.

    Parameters
    ----------
    graph
        Its ReLUs are still Activations.
    histograms
        ReLU node name → distribution of its activations on the samples.
    samples
        One array ``(samples, *shape)`` for each input.
    on_fitted
        Called with the populations that are fitted to spikes, and how many there are.
    """
    if not histograms or not stages.needs_spikes:
        return insert_neurons(graph, histograms, preset, report, stages=stages, n_steps=n_steps)

    def calibrate(rate_scale: float) -> ChainResult:
        told, scaled = deepcopy(report), replace(stages, rate_scale=rate_scale)
        spiking = insert_neurons(graph, histograms, preset, told, stages=scaled, n_steps=n_steps)
        return calibrate_on_spikes(
            spiking, samples, n_steps, scaled, told, lambda done: on_fitted(done, len(histograms))
        )

    economical = stages.rate_scale is None and stages.thresholds == "fitted"
    found = fewest_spikes(calibrate) if economical else calibrate(stages.scale)
    report.adopt(found.report)
    return found.graph
