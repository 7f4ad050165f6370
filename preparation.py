"""What comes before neurons: a model is read, lowered and measured on samples, once for any number of conversions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .backends.contract import silent
from .converter.graph import Graph
from .converter.layer_call import ModelRecord
from .converter.layers import LayerRegistry
from .converter.lowering import lower
from .converter.ops import Array, Input, Shape
from .converter.passes import pipeline_for, run_passes
from .converter.report import ReportBuilder
from .converter.sources import read_model
from .converter.spiking import (
    PRESETS,
    ActivationHistogram,
    NeuronPreset,
    Stages,
    Tolerates,
    collect_activations,
    make_spiking,
    note_what_chips_lack,
    tell_max_pooling,
)
from .converter.training_only import note_training_only
from .layer_parity import require_parity, trusted_model
from .samples import as_samples, noise

__all__ = ["INPUT_RANGE", "OnFitted", "Preparation", "not_told", "own_version", "prepare"]

INPUT_RANGE = (0.0, 1.0)
_NOISE_SAMPLES = 64
_PARITY_SAMPLES = 4

OnFitted = Callable[[int, int], None]
"""Called with the populations fitted to spikes so far, and how many there are."""


def not_told(done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Preparation:
    """A model whose ReLUs are still ReLUs, and what they do on the calibration samples.

    Attributes
    ----------
    graph
        After the passes.
    samples
        One array ``(samples, *shape)`` for each input: the calibration samples, or noise.
    others
        The samples that are kept from the calibration, in the same form: none, unless a part was asked for.
    from_data
        Whether the samples are data, not noise.
    histograms
        ReLU node name → distribution of its activations on the samples.
    report
        What was noted so far; a conversion adds to a copy of it, or to itself where there is one only.
    provenance
        Where the model came from.
    """

    graph: Graph
    samples: list[Array]
    others: list[Array]
    from_data: bool
    histograms: Mapping[str, ActivationHistogram]
    report: ReportBuilder
    provenance: Mapping[str, Any]

    def spiking(
        self,
        preset: NeuronPreset,
        stages: Stages,
        n_steps: int,
        report: ReportBuilder,
        *,
        samples: Sequence[Array] | None = None,
        on_fitted: OnFitted = not_told,
        tolerates: Tolerates | None = None,
    ) -> Graph:
        """Return the spiking graph for a number of steps.

        Parameters
        ----------
        samples
            What to fit to, instead of all the samples.
        tolerates
            As in `make_spiking`.
        """
        fitted_on = self.samples if samples is None else samples
        if not self.from_data:  # classes of noise say nothing about those of data
            stages = replace(stages, rate_scale=stages.scale)
        return make_spiking(
            self.graph,
            self.histograms,
            fitted_on,
            preset,
            stages=stages,
            n_steps=n_steps,
            report=report,
            on_fitted=on_fitted,
            tolerates=tolerates,
        )

    def note_thresholds(self, preset: NeuronPreset, stages: Stages, report: ReportBuilder) -> None:
        """Say in a report where the thresholds come from, where they come from data."""
        if self.from_data:
            from_percentile = stages.thresholds in ("fitted", "percentile")
            rule = f"percentile {preset.percentile:g}" if from_percentile else stages.thresholds
            report.note("thresholds-from-data", f"{rule}, {preset.name} neurons", samples=len(self.samples[0]))

    def provenance_for(self, preset: NeuronPreset, target: str) -> dict[str, Any]:
        """Return the provenance of a network with these neurons."""
        facts = {
            **self.provenance,
            "neurons": preset.name,
            "target": target,
            "calibration_samples": len(self.samples[0]) if self.from_data else 0,
        }
        return facts if preset == PRESETS.get(preset.name) else facts | {"preset": asdict(preset)}

    def new_report(self) -> ReportBuilder:
        """Return a copy of the report, for one conversion of several."""
        return deepcopy(self.report)


def prepare(
    model: Any,
    calibration: Any,
    *,
    layers: LayerRegistry,
    architecture: str | Path | None = None,
    input_shape: Shape | None = None,
    input_range: tuple[float, float] = INPUT_RANGE,
    max_pool: str = "auto",
    part: Callable[[int], Array] | None = None,
    record: ModelRecord | None = None,
    on_progress: Callable[[int], None] = silent,
) -> Preparation:
    """Read a model, lower it, compare the graph with the model, and collect its activations.

    The other parameters are those of `convert`.

    Parameters
    ----------
    part
        Number of samples → the places of those to calibrate on; by default all.
    record
        The model as it was read, where that is done already.
    """
    record = record or read_model(model, input_shape=input_shape, architecture=architecture)
    report = ReportBuilder(record.name)
    note_training_only(record, report)
    plain = lower(record, layers, report)
    graph = run_passes(plain, report, pipeline_for(max_pool))
    tell_max_pooling(graph, report)
    note_what_chips_lack(graph, report)
    others: list[Array] = []
    if calibration is None:
        samples = noise(graph, input_range, count=_NOISE_SAMPLES)
        report.note("no-calibration-data", f"input range {input_range[0]:g} to {input_range[1]:g}")
    else:
        samples = as_samples(graph, calibration)
        if part is not None:
            places = part(len(samples[0]))
            others = [np.delete(x, places, axis=0) for x in samples]
            samples = [x[places] for x in samples]
        if tuple(input_range) != INPUT_RANGE:
            report.note("option-without-effect", "input_range: the calibration samples have a range of their own")
    require_parity(plain, graph, [x[:_PARITY_SAMPLES] for x in samples], trusted_model(model, record))
    provenance = {
        "model": record.name,
        "origin": record.origin,
        "sha256": record.digest,
        "keras_version": record.keras_version,
        "spikeport_version": own_version(),
        "max_pool": max_pool,
    }
    del plain, record  # weights that were folded into others
    graph = _with_input_ranges(graph, samples)
    histograms = collect_activations(graph, samples, on_progress)
    return Preparation(
        graph=graph,
        samples=samples,
        others=others,
        from_data=calibration is not None,
        histograms=histograms,
        report=report,
        provenance=provenance,
    )


def _with_input_ranges(graph: Graph, samples: list[Array]) -> Graph:
    """Return the graph with the range of the samples at its inputs."""
    return graph.rewritten(
        replace(node, op=Input(shape=node.shape, low=float(x.min()), high=float(x.max())))
        for node, x in zip(graph.inputs, samples, strict=True)
    )


@cache
def own_version() -> str:
    """Return the version of spikeport that is installed."""
    try:
        return version("spikeport")
    except PackageNotFoundError:
        return "unknown"
