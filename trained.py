"""Convert a model that was trained on spikes: nothing is calibrated, each layer becomes what it is."""

from __future__ import annotations

from typing import Any

from .converter.graph import Graph
from .converter.layer_call import ModelRecord
from .converter.lowering import lower
from .converter.passes import run_passes
from .converter.report import Report, ReportBuilder
from .converter.temporal import TRAINED_LAYERS, as_steps
from .converter.training_only import note_training_only
from .network import SpikingNetwork
from .preparation import own_version

__all__ = ["convert_trained", "lower_trained"]


def convert_trained(record: ModelRecord, target: str, target_steps: int | None) -> SpikingNetwork:
    """Return the network of a model with layers of `spikeport.training`.

    Its time axis is the network's: samples are sequences ``(n, steps, *shape)``, or samples where the model presents
    them with RepeatOverTime. The output is the mean over the steps of the model's: the share of steps with a spike, or
    the mean of an integrator.

    Raises
    ------
    ConversionError
        When layers cannot be converted: once, with every reason.
    """
    graph, report, steps = lower_trained(record)
    provenance: dict[str, Any] = {
        "model": record.name,
        "origin": record.origin,
        "sha256": record.digest,
        "keras_version": record.keras_version,
        "spikeport_version": own_version(),
        "target": target,
        "trained_on_spikes": True,
    }
    return SpikingNetwork(graph=graph, report=report, target_steps=target_steps or steps, provenance=provenance)


def lower_trained(record: ModelRecord) -> tuple[Graph, Report, int]:
    """Return the graph of a step, the report, and for how many steps the model runs.

    Raises
    ------
    ConversionError
        When layers cannot be converted.
    """
    report = ReportBuilder(record.name)
    note_training_only(record, report)
    of_a_step, steps = as_steps(record)
    graph = run_passes(lower(of_a_step, TRAINED_LAYERS, report), report)
    report.note("trained-on-spikes", f"{steps} steps")
    return graph, report.build(), steps
