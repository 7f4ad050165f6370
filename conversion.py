"""convert and check: where the converter, the calibration and the backends meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .backends import backend_named
from .backends.contract import silent
from .converter.graph import Graph
from .converter.layer_call import ModelRecord
from .converter.layers import LAYERS, LayerRegistry, with_custom_layers
from .converter.lowering import lower
from .converter.ops import Array, Shape
from .converter.passes import MAX_POOLS, run_passes
from .converter.report import Report, ReportBuilder
from .converter.sources import read_model
from .converter.spiking import (
    PRESETS,
    NeuronPreset,
    Stages,
    Tolerates,
    count_neurons,
    note_what_chips_lack,
    tell_max_pooling,
)
from .converter.temporal import keeps_time
from .converter.training_only import note_training_only
from .errors import ConversionError, UsageError
from .network import SpikingNetwork
from .placement_report import with_backend
from .preparation import INPUT_RANGE, OnFitted, not_told, own_version, prepare
from .step_choice import choose_rates, choose_steps
from .trained import convert_trained, lower_trained

__all__ = ["check", "convert", "own_version"]

_STEPS, _MAX_STEPS = 16, 128


def convert(
    model: Any,
    calibration: Any = None,
    *,
    target_steps: int | None = None,
    target_loss: float | None = None,
    max_steps: int = _MAX_STEPS,
    target: str = "cpu",
    neurons: str | NeuronPreset | None = None,
    max_pool: str = "auto",
    architecture: str | Path | None = None,
    input_shape: Shape | None = None,
    input_range: tuple[float, float] = INPUT_RANGE,
    stages: Stages | None = None,
    layers: LayerRegistry = LAYERS,
    custom_layers: Mapping[str, type] | None = None,
    on_progress: Callable[[int], None] = silent,
    on_fitted: OnFitted = not_told,
) -> SpikingNetwork:
    """Convert a trained Keras model to a spiking network.

    A model with layers of `spikeport.training` is one that was trained on spikes: its layers become what they are, its
    time axis that of the network, and calibration and neurons have no effect.

    Parameters
    ----------
    model
        The path of a ``.h5`` or ``.keras`` file, or a live Keras 3 or tf_keras model.
    calibration
        Some hundred training samples ``(n, *shape)``, preprocessed as for the model: thresholds come from their
        activations. Without them, thresholds come from uniform noise over ``input_range``, and the report says so.
    target_steps
        The steps that the network is fitted for, and run for by default; 16 where neither is said.
    target_loss
        Find the fewest steps that lose at most so many percentage points of accuracy on new samples (for outputs that
        are no classes: so many percent of their standard deviation); with ``target_steps``, the fewest spikes in these
        steps. It needs calibration samples.
    max_steps
        The most steps that ``target_loss`` may take.
    target
        The backend that it is for, which chooses the neuron.
    neurons
        The name of one of `PRESETS`, or a preset of your own: ``dataclasses.replace(PRESETS["graded"], n_max=8)``. By
        default the target's.
    max_pool
        How max pooling acts on spikes. "auto": before the neurons where it can be moved there, else as "rate". "rate":
        behind the neurons, as the maximum of running means. "gate": behind the neurons, each window passes what its
        member with the most spikes so far sends, which is not exact.
    architecture
        The JSON file that ``model.to_json()`` makes, where the model's file holds weights only.
    input_shape
        The shape of one sample, where the file does not hold it.
    input_range
        The smallest and largest input value; used without calibration data only.
    stages
        Which stages of the calibration are taken: by default all that lose nothing, and without calibration data those
        that run no spikes.
    layers
        The layer registry, with handlers of your own: ``LAYERS.child()``.
    custom_layers
        Keras class name → your own live class: such a layer runs on the host as it is. A network with one cannot be
        saved.
    on_progress
        Called with the number of calibration samples done since the last call.
    on_fitted
        Called with the number of populations that are fitted to spikes, and of all of them.

    Raises
    ------
    SourceError
        When the model cannot be read.
    ConversionError
        When layers cannot be converted: once, with every reason and the report.
    DataError
        When the calibration samples do not fit.
    ParityError
        When the graph does not compute what the model does: a defect, found before anybody relies on the result.
    """
    preset, one = _preset(backend_named(target).neurons if neurons is None else neurons), np.ones(1, np.float32)
    if why_not := backend_named(target).takes(preset.neurons(one, one)):
        raise UsageError(f"expected neurons that the {target} backend takes, received {preset.name!r}: {why_not}")
    if max_pool not in MAX_POOLS:
        raise UsageError(f"expected max_pool out of {', '.join(MAX_POOLS)}, received {max_pool!r}")
    _check_steps(target_steps, target_loss, max_steps, calibration, target)
    stages = stages or (Stages() if calibration is not None else Stages.without_spikes())
    if target_steps is not None and target_loss is not None and not stages.lowers_rates:
        raise UsageError(
            "expected fitted thresholds and no rate scale with target_steps and target_loss, which choose the rates; "
            f"received thresholds={stages.thresholds}, rate_scale={stages.scale:g}"
        )
    if target == "loihi":  # chooses the thresholds of its own neurons
        stages = replace(stages, rate_scale=stages.scale)
    if custom_layers:
        layers = with_custom_layers(layers, custom_layers)
    record = read_model(model, input_shape=input_shape, architecture=architecture)
    if keeps_time(record):
        return convert_trained(record, target, target_steps)
    prepared = prepare(
        model,
        calibration,
        layers=layers,
        input_range=input_range,
        max_pool=max_pool,
        record=record,
        on_progress=on_progress,
    )
    del record  # weights that were folded into others
    report, samples = prepared.report, prepared.samples
    if (target_loss is None or target_steps is not None) and max_steps != _MAX_STEPS:
        report.note("option-without-effect", "max_steps: it limits the search that target_loss starts")
    prepared.note_thresholds(preset, stages, report)
    provenance = prepared.provenance_for(preset, target)

    def spiking(fitted_on: Sequence[Array], n_steps: int, told: ReportBuilder, tolerates: Tolerates | None) -> Graph:
        return prepared.spiking(
            preset, stages, n_steps, told, samples=fitted_on, on_fitted=on_fitted, tolerates=tolerates
        )

    if target_loss is None:
        steps = target_steps or _STEPS
        made = spiking(samples, steps, report, None)
    else:
        if target_steps is None:
            choice = choose_steps(spiking, prepared.graph, samples, target_loss, max_steps, report)
        else:
            choice = choose_rates(spiking, prepared.graph, samples, target_loss, target_steps, report)
        steps, made, report = choice.n_steps, choice.graph, choice.report
        provenance |= {"target_loss": target_loss, "estimated_loss": choice.estimate}
    return SpikingNetwork(graph=made, report=report.build(), target_steps=steps, provenance=provenance)


def check(
    model: Any,
    *,
    backend: str | None = None,
    architecture: str | Path | None = None,
    input_shape: Shape | None = None,
    layers: LayerRegistry = LAYERS,
) -> tuple[Report, Graph | None]:
    """Say what would become of each layer, without calibrating or running anything.

    Parameters
    ----------
    backend
        Say also what this backend makes of each part: ``report.placement``.

    Returns
    -------
    report, graph
        The graph is None where the model cannot be converted; its ReLUs are still Activations.
    """
    record = read_model(model, input_shape=input_shape, architecture=architecture)
    try:
        graph, told = _lowered(record, layers)
    except ConversionError as error:
        return error.report, None
    return (with_backend(told, graph, backend)[0] if backend else told), graph


def _lowered(record: ModelRecord, layers: LayerRegistry) -> tuple[Graph, Report]:
    """Return the graph before calibration, or of a model that was trained on spikes, and the report."""
    if keeps_time(record):
        graph, told, _ = lower_trained(record)
        return graph, told
    report = ReportBuilder(record.name)
    note_training_only(record, report)
    graph = run_passes(lower(record, layers, report), report)
    count_neurons(graph, report)
    tell_max_pooling(graph, report)
    note_what_chips_lack(graph, report)
    return graph, report.build()


def _check_steps(
    target_steps: int | None, target_loss: float | None, max_steps: int, calibration: Any, target: str
) -> None:
    """Raise a UsageError for steps and losses that say nothing or contradict each other."""
    for name, steps in (("target_steps", target_steps), ("max_steps", max_steps)):
        if steps is not None and not isinstance(steps, int | np.integer):
            raise UsageError(f"expected {name} as a whole number, received {steps!r}")
        if steps is not None and steps < 1:
            raise UsageError(f"expected {name} of at least 1, received {steps}")
    if target_loss is None:
        return
    if isinstance(target_loss, str) or not 0 < target_loss < 100:
        raise UsageError(f"expected target_loss in percentage points, above 0, received {target_loss}")
    if calibration is None:
        raise UsageError("expected calibration samples with target_loss, received none: the loss is measured on them")
    if target == "loihi":
        raise UsageError("expected target cpu or nengo with target_loss, received loihi, whose neurons are its own")


def _preset(neurons: str | NeuronPreset) -> NeuronPreset:
    if isinstance(neurons, NeuronPreset):
        return neurons
    if neurons not in PRESETS:
        raise UsageError(f"expected neurons out of {', '.join(PRESETS)}, received {neurons!r}")
    return PRESETS[neurons]
