"""From the graph of activations to the graph of neurons, for a number of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from ..graph import Graph
from ..ops import Array
from ..report import ReportBuilder
from .chain import ChainResult, calibrate_on_spikes
from .fewest_spikes import Tolerates, fewest_spikes
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
    tolerates: Tolerates | None = None,
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
    tolerates
        What to accept while rates are lowered: by default, what leaves the classes as they are.
    """
    if not histograms or not stages.needs_spikes:
        return insert_neurons(graph, histograms, preset, report, stages=stages, n_steps=n_steps)

    def calibrate(rate_scales: Mapping[str, float]) -> ChainResult:
        told = deepcopy(report)
        spiking = insert_neurons(graph, histograms, preset, told, stages=stages, n_steps=n_steps)

        def on_progress(done: int) -> None:
            on_fitted(done, len(histograms))

        return calibrate_on_spikes(spiking, samples, n_steps, stages, told, on_progress, rate_scales=rate_scales)

    found = fewest_spikes(calibrate, tolerates) if stages.lowers_rates else calibrate({})
    report.adopt(found.report)
    return found.graph
