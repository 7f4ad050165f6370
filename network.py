"""SpikingNetwork: what a conversion makes, and all that is done with it. `convert` makes one, `load` reads one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .backends import Deployment, RunResult, backend_named
from .backends.contract import OnProgress, silent
from .converter.graph import Graph
from .converter.layers import LAYERS, LayerRegistry, with_custom_layers
from .converter.lowering import lower
from .converter.ops import Array, Input, Neurons, Shape
from .converter.passes import run_passes
from .converter.report import Report, ReportBuilder
from .converter.sources import read_model
from .converter.spiking import PRESETS, collect_activations, count_neurons, insert_neurons, note_what_chips_lack
from .converter.storage import load_graph, save_graph
from .converter.training_only import note_training_only
from .encoders import EncoderChoice
from .errors import BackendError, ConversionError, SourceError, UsageError
from .layer_parity import require_parity, trusted_model
from .placement_report import with_backend
from .samples import as_samples, averaged, noise, sequence_steps

__all__ = ["SpikingNetwork", "convert", "load"]

_NOISE_SAMPLES = 64
_INPUT_RANGE = (0.0, 1.0)
_PARITY_SAMPLES = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class SpikingNetwork:
    """A converted network.

    Attributes
    ----------
    graph
        The spiking graph, which every backend lowers.
    report
        What became of every layer: ``print(net.report)``.
    target_steps
        How many steps the conversion was made for: the default of `run`.
    provenance
        Where it came from: file, digest, versions, neuron, calibration.
    """

    graph: Graph
    report: Report
    target_steps: int
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def deploy(self, backend: str = "cpu", **options: Any) -> Deployment:
        """Prepare the network on a backend, to run it several times.

        Raises
        ------
        BackendError
            When the backend is not usable here, or cannot take the network, with every reason.
        UsageError
            For a backend or option that does not exist.
        """
        place = backend_named(backend)
        missing = place.available()
        if missing:
            raise BackendError(f"the {backend} backend cannot be used here: {missing}")
        return place.deploy(self.graph, **options)

    def run(
        self,
        x: Any,
        n_steps: int | None = None,
        *,
        backend: str = "cpu",
        spiking: bool = True,
        encoder: EncoderChoice | None = None,
        record: Iterable[str] = (),
        on_progress: OnProgress = silent,
        **options: Any,
    ) -> RunResult:
        """Run samples, each presented as a constant current, as a sequence, or through an encoder.

        Parameters
        ----------
        x
            Samples ``(n, *shape)``, or sequences ``(n, steps, *shape)`` with the current of each step; a list or
            mapping of arrays where the model has several inputs, which may mix the two.
        n_steps
            Steps for each sample; by default the length of the sequences, else those that the conversion was made for
            (the backend's own where it needs more). Fewer than a sequence has cut it.
        spiking
            False runs the rate network: neurons replaced by the ReLU itself, equal to Keras to float rounding. Of a
            sequence it takes the mean over the steps, and it needs no encoder.
        encoder
            What makes currents of the samples, as an object or by name (`ENCODERS`), for every input or as a mapping
            by input name; by default the values themselves.
        record
            Populations whose events to keep.
        on_progress
            Called with the number of samples done since the last call.
        options
            The backend's own.
        """
        samples = as_samples(self.graph, x, sequences=True)
        steps = self.steps_for(backend, n_steps, samples)
        if not spiking:
            return self._run_rates(averaged(self.graph, samples, steps), on_progress)
        record = tuple(record)
        populations = [node.name for node in self.graph.nodes.values() if isinstance(node.op, Neurons)]
        for name in record:
            if name not in populations:
                raise UsageError(f"expected to record populations out of {', '.join(populations)}, received {name!r}")
        return self.deploy(backend, **options).run(
            samples, steps, encoder=encoder, record=record, on_progress=on_progress
        )

    def steps_for(self, backend: str, n_steps: int | None = None, samples: Sequence[Array] = ()) -> int:
        """Return the steps to run: the given number, the length of the sequences, or the default for this backend.

        Parameters
        ----------
        samples
            What `as_samples` returned, with sequences among it or not.

        Raises
        ------
        UsageError
            For a number below 1, or above the length of a sequence.
        """
        if n_steps is not None and n_steps < 1:
            raise UsageError(f"expected at least 1 step, received {n_steps}")
        length = sequence_steps(self.graph, samples)
        if n_steps is not None and length is not None and n_steps > length:
            raise UsageError(f"expected at most {length} steps, the length of the sequence, received {n_steps}")
        if n_steps is None:
            n_steps = length or max(self.target_steps, backend_named(backend).least_steps)
        return int(n_steps)

    def _run_rates(self, samples: list[Array], on_progress: OnProgress) -> RunResult:
        sample_bytes = 4 * sum(int(np.prod(node.shape)) for node in self.graph.nodes.values())
        batch = int(np.clip(2**28 // max(sample_bytes, 1), 1, 256))
        parts: dict[str, list[Array]] = {name: [] for name in self.graph.outputs}
        for start in range(0, len(samples[0]), batch):
            feeds = {n.name: x[start : start + batch] for n, x in zip(self.graph.inputs, samples, strict=True)}
            values = self.graph.evaluate(feeds)
            for name, node in self.graph.outputs.items():
                parts[name].append(values[node][:, None])
            on_progress(len(next(iter(feeds.values()))))
        return RunResult(outputs_over_time={name: np.concatenate(p) for name, p in parts.items()}, n_steps=1)

    def save(self, path: str | Path) -> None:
        """Write the network to one HDF5 file, at once or not at all."""
        facts = {"target_steps": self.target_steps, "provenance": dict(self.provenance)}
        save_graph(Path(path), self.graph, self.report, facts)


def load(path: str | Path) -> SpikingNetwork:
    """Read a network that `SpikingNetwork.save` wrote.

    Raises
    ------
    SourceError
        When the file is missing, damaged, or something else.
    """
    graph, report, facts = load_graph(Path(path))
    steps, provenance = facts.get("target_steps"), facts.get("provenance")
    if not isinstance(steps, int) or steps < 1 or not isinstance(provenance, Mapping):
        raise SourceError(f"{path}: expected a sound network file, received one without its steps or provenance")
    return SpikingNetwork(graph=graph, report=report, target_steps=steps, provenance=provenance)


def convert(
    model: Any,
    calibration: Any = None,
    *,
    target_steps: int = 16,
    target: str = "cpu",
    neurons: str | None = None,
    architecture: str | Path | None = None,
    input_shape: Shape | None = None,
    input_range: tuple[float, float] = _INPUT_RANGE,
    layers: LayerRegistry = LAYERS,
    custom_layers: Mapping[str, type] | None = None,
    on_progress: Callable[[int], None] = silent,
) -> SpikingNetwork:
    """Convert a trained Keras model to a spiking network.

    Parameters
    ----------
    model
        The path of a ``.h5`` or ``.keras`` file, or a live Keras 3 or tf_keras model.
    calibration
        Some hundred training samples ``(n, *shape)``, preprocessed as for the model: thresholds come from their
        activations. Without them, thresholds come from uniform noise over ``input_range``, and the report says so.
    target_steps
        The steps that the network will be run for by default.
    target
        The backend that it is for, which chooses the neuron.
    neurons
        "graded" or "binary", instead of the target's.
    architecture
        The JSON file that ``model.to_json()`` makes, where the model's file holds weights only.
    input_shape
        The shape of one sample, where the file does not hold it.
    input_range
        The smallest and largest input value; used without calibration data only.
    layers
        The layer registry, with handlers of your own: ``LAYERS.child()``.
    custom_layers
        Keras class name → your own live class: such a layer runs on the host as it is. A network with one cannot be
        saved.
    on_progress
        Called with the number of calibration samples done since the last call.

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
    preset_name = neurons or backend_named(target).neurons
    if preset_name not in PRESETS:
        raise UsageError(f"expected neurons out of {', '.join(PRESETS)}, received {preset_name!r}")
    preset, one = PRESETS[preset_name], np.ones(1, np.float32)
    if why_not := backend_named(target).takes(preset.neurons(one, one)):
        raise UsageError(f"expected neurons that the {target} backend takes, received {preset_name!r}: {why_not}")
    if target_steps < 1:
        raise UsageError(f"expected target_steps of at least 1, received {target_steps}")
    if custom_layers:
        layers = with_custom_layers(layers, custom_layers)
    record = read_model(model, input_shape=input_shape, architecture=architecture)
    report = ReportBuilder(record.name)
    note_training_only(record, report)
    plain = lower(record, layers, report)
    graph = run_passes(plain, report)
    note_what_chips_lack(graph, report)
    if calibration is None:
        samples = noise(graph, input_range, count=_NOISE_SAMPLES)
        report.note("no-calibration-data", f"input range {input_range[0]:g} to {input_range[1]:g}")
    else:
        samples = as_samples(graph, calibration)
        if tuple(input_range) != _INPUT_RANGE:
            report.note("option-without-effect", "input_range: the calibration samples have a range of their own")
        report.note(
            "thresholds-from-data", f"percentile {preset.percentile:g}, {preset.name} neurons", samples=len(samples[0])
        )
    require_parity(plain, graph, [x[:_PARITY_SAMPLES] for x in samples], trusted_model(model, record))
    provenance = {
        "model": record.name,
        "origin": record.origin,
        "sha256": record.digest,
        "keras_version": record.keras_version,
        "spikeport_version": own_version(),
        "neurons": preset.name,
        "target": target,
        "calibration_samples": 0 if calibration is None else len(samples[0]),
    }
    del plain, record  # weights that were folded into others
    histograms = collect_activations(graph, samples, on_progress)
    graph = insert_neurons(_with_input_ranges(graph, samples), histograms, preset, report)
    return SpikingNetwork(
        graph=graph,
        report=report.build(),
        target_steps=target_steps,
        provenance=provenance,
    )


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
    report = ReportBuilder(record.name)
    note_training_only(record, report)
    try:
        graph = run_passes(lower(record, layers, report), report)
        count_neurons(graph, report)
        note_what_chips_lack(graph, report)
    except ConversionError as error:
        return error.report, None
    told = report.build()
    return (with_backend(told, graph, backend)[0] if backend else told), graph


def _with_input_ranges(graph: Graph, samples: list[Array]) -> Graph:
    """Return the graph with the range of the samples at its inputs."""
    return graph.rewritten(
        replace(node, op=Input(shape=node.shape, low=float(x.min()), high=float(x.max())))
        for node, x in zip(graph.inputs, samples, strict=True)
    )


def own_version() -> str:
    """Return the version of spikeport that is installed."""
    try:
        return version("spikeport")
    except PackageNotFoundError:
        return "unknown"
