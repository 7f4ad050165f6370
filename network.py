"""SpikingNetwork: what a conversion makes, and all that is done with it; `load` reads one from its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .backends import Deployment, RunResult, backend_named
from .backends.contract import OnProgress, silent
from .converter.graph import Graph
from .converter.ops import Array, Cell, is_population
from .converter.report import Report
from .converter.storage import load_graph, save_graph
from .encoders import EncoderChoice
from .errors import BackendError, SourceError, UsageError
from .samples import as_samples, averaged, sequence_steps

__all__ = ["SpikingNetwork", "load"]


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
            The backend's own: of the cpu backend ``memory``, ``batch``, ``n_jobs``, ``correction`` (`SRP`, `COS`) and
            ``exit`` (`EarlyExit`) among them.
        """
        samples = as_samples(self.graph, x, sequences=True)
        steps = self.steps_for(backend, n_steps, samples)
        if not spiking:
            return self._run_rates(averaged(self.graph, samples, steps), on_progress)
        record = self.populations_named(record)
        return self.deploy(backend, **options).run(
            samples, steps, encoder=encoder, record=record, on_progress=on_progress
        )

    def populations_named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names of populations, checked.

        Raises
        ------
        UsageError
            For a name that no population has.
        """
        names = tuple(names)
        populations = [node.name for node in self.graph.nodes.values() if is_population(node.op)]
        for name in names:
            if name not in populations:
                raise UsageError(f"expected to record populations out of {', '.join(populations)}, received {name!r}")
        return names

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
            least = backend_named(backend).least_steps if self.has_rates else 1  # training has chosen the others' steps
            n_steps = length or max(self.target_steps, least)
        return int(n_steps)

    @property
    def has_rates(self) -> bool:
        """Say whether there is a rate network: not where the model was trained on spikes."""
        return not any(isinstance(node.op, Cell) for node in self.graph.nodes.values()) and not self.provenance.get(
            "trained_on_spikes"
        )

    def _run_rates(self, samples: list[Array], on_progress: OnProgress) -> RunResult:
        if not self.has_rates:
            raise UsageError("expected spiking=True for a network that was trained on spikes: it has no rate network")
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

    def to_keras(
        self,
        n_steps: int | None = None,
        *,
        gradient: Any = "rate",
        slope: float = 1.0,
        every_step: bool = False,
        sequences: bool = False,
        quantised: bool = False,
        record: Iterable[str] = (),
        dtype: str | None = None,
    ) -> Any:
        """Return the network as a differentiable `keras.Model`: to fine-tune, to save, to run on a GPU.

        The output is that of `run`, up to the rounding of float32; in float64 the events are the same.

        Parameters
        ----------
        n_steps
            How many steps a sample is presented; by default those that the conversion was made for.
        gradient
            Of the neurons: "rate" for spikes forward and the ReLU of the mean current backward, or a surrogate, by name
            (`spikeport.training.SURROGATES`) or as a function, for gradients through time.
        slope
            Of the surrogate, for distances in thresholds.
        every_step
            Put out the read-out at every step, ``(batch, steps, *shape)``, rather than at the last.
        sequences
            Samples are sequences ``(batch, n_steps, *shape)``.
        quantised
            Leave the time out: each neuron puts out what it would on average over ``n_steps`` of a constant current.
        record
            Populations whose output at each step the model puts out as well.
        dtype
            "float64", or what Keras uses.

        Raises
        ------
        BackendError
            For neurons that draw random numbers.
        UsageError
            For steps, populations or surrogates that do not exist.
        """
        from .backends.keras.model import keras_model

        return keras_model(
            self.graph,
            self.target_steps if n_steps is None else n_steps,
            gradient=gradient,
            slope=slope,
            every_step=every_step,
            sequences=sequences,
            quantised=quantised,
            record=record,
            dtype=dtype,
        )

    def update(self, model: Any) -> SpikingNetwork:
        """Return the network with the weights, biases and thresholds of a trained model that `to_keras` made.

        Raises
        ------
        UsageError
            For a model of another network.
        """
        from .backends.keras.model import trained_graph

        graph = trained_graph(self.graph, model)
        return replace(self, graph=graph, provenance={**self.provenance, "fine_tuned": True})

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
