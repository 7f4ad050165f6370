"""The keras backend: the network as a Keras model, on TensorFlow, JAX or torch, on whatever device these use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.keras_import import import_keras
from ...converter.ops import Array, Cell, Neurons, is_population
from ...encoders import EncoderChoice, InputCurrents
from ...errors import BackendError, UsageError
from ..contract import Deployment, OnProgress, RunResult, Verdict, silent
from ..fan_out import fan_out
from ..joining import joined
from ..seeds import seed_from
from ..verdicts import simulator_verdicts

__all__ = ["KerasBackend", "KerasDeployment"]

_WORDS = {
    "neurons": "",
    "folded": "",
    "host": "on running means, exact as the steps grow",
    "input": "samples come in here",
}
_RANDOM = "neurons that draw random numbers: their draws follow from a sample's place, which a model does not know"
_BATCH = 32


class KerasBackend:
    """Runs networks as Keras models: every backend of Keras, and a GPU where it has one."""

    name = "keras"
    summary = "a Keras model, on the device of TensorFlow, JAX or torch; takes every graph without random neurons"
    neurons = "graded"
    least_steps = 1

    def available(self) -> str:
        """Return "" where Keras is installed."""
        return "" if find_spec("keras") else "it needs Keras: pip install keras"

    def takes(self, op: Neurons) -> str:
        """Return "" but for neurons that draw random numbers."""
        return _RANDOM if op.random else ""

    def check(self, graph: Graph) -> Iterator[Verdict]:
        """Say what becomes of each node; random neurons are refused."""
        for verdict in simulator_verdicts(graph, _WORDS):
            op = graph.nodes[verdict.node].op
            why = self.takes(op) if isinstance(op, Neurons) else ""
            yield Verdict(node=verdict.node, where="refused", why=why, layers=verdict.layers) if why else verdict

    def deploy(self, graph: Graph, **options: Any) -> KerasDeployment:
        """Prepare the graph.

        Parameters
        ----------
        dtype
            "float32", or "float64" for the very events of the cpu backend.
        batch
            How many samples are run at once.
        """
        seed_from(options, self.name)  # every backend has one, though nothing here draws numbers
        dtype, batch = options.pop("dtype", "float32"), options.pop("batch", _BATCH)
        if options:
            raise UsageError(
                f"the keras backend takes the options dtype, batch and seed, received {', '.join(options)}"
            )
        if dtype not in ("float32", "float64"):
            raise UsageError(f"the keras backend takes float32 or float64 as dtype, received {dtype!r}")
        if isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or batch < 1:
            raise UsageError(f"the keras backend takes a number of samples as batch, received {batch!r}")
        if refused := [f"{v.node}: {v.why}" for v in self.check(graph) if v.refused]:
            raise BackendError(f"the keras backend cannot take {'; '.join(refused)}; use backend='cpu'")
        return KerasDeployment(graph, dtype, int(batch))


class KerasDeployment(Deployment):
    """A graph ready to run in Keras; a model is made for each number of steps."""

    def __init__(self, graph: Graph, dtype: str, batch: int) -> None:
        self._graph = graph
        self._dtype = dtype
        self._batch = batch
        self._synapses = fan_out(graph)
        self._populations = [node.name for node in graph.nodes.values() if is_population(node.op)]
        self._models: dict[tuple[int, bool], Any] = {}

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return the number of neurons of each population, and the Keras backend."""
        graph = self._graph
        neurons = {name: int(np.prod(graph.nodes[name].shape)) for name in self._populations}
        return {"neurons": neurons, "keras_backend": import_keras().backend.backend()}

    def run(
        self,
        samples: Sequence[Array],
        n_steps: int,
        *,
        encoder: EncoderChoice | None = None,
        first: int = 0,
        record: Iterable[str] = (),
        on_progress: OnProgress = silent,
    ) -> RunResult:
        """Run batches through the model."""
        record = tuple(record)
        inputs = InputCurrents.of(self._graph, samples, n_steps, encoder, first)
        model = self._model(n_steps, sequences=not inputs.constant)
        parts = []
        for start in range(0, len(inputs), self._batch):
            stop = min(start + self._batch, len(inputs))
            currents, entered = inputs.batch(start, stop)
            parts.append(self._part(model, currents, n_steps, inputs.constant, entered, record))
            on_progress(stop - start)
        return joined(parts)

    def _model(self, n_steps: int, *, sequences: bool) -> Any:
        import_keras()
        from .model import keras_model

        key = (n_steps, sequences)
        if key not in self._models:
            self._models[key] = keras_model(
                self._graph,
                n_steps,
                every_step=True,
                sequences=sequences,
                record=self._populations,
                dtype=self._dtype,
            )
        return self._models[key]

    def _part(
        self,
        model: Any,
        currents: Mapping[str, Array],
        n_steps: int,
        constant: bool,
        entered: Array | None,
        record: Sequence[str],
    ) -> RunResult:
        keras, graph = import_keras(), self._graph
        fed = []
        for node in graph.inputs:
            values = currents[node.name]
            if constant:
                fed.append(values[0].astype(self._dtype))
            else:
                full = np.broadcast_to(values, (n_steps, *values.shape[1:]))
                fed.append(np.ascontiguousarray(full.swapaxes(0, 1), self._dtype))
        found = model(fed if len(fed) > 1 else fed[0], training=False)
        named = found if isinstance(found, dict) else {next(iter(graph.outputs)): found}
        found_values: dict[str, Array] = {name: keras.ops.convert_to_numpy(y) for name, y in named.items()}
        count = len(fed[0])
        counts: dict[str, Array] = {}
        events: dict[str, Array] = {}
        operations = np.zeros(count)
        for name in self._populations:
            node = graph.nodes[name]
            theta = node.op.threshold_of(node.shape) if isinstance(node.op, Neurons | Cell) else 1.0
            sent = np.rint(found_values[name].reshape(count, n_steps, -1) / theta).astype(np.int8)
            nonzero = np.count_nonzero(sent, axis=1)
            counts[name] = nonzero.sum(axis=1).astype(np.int64)
            operations += np.asarray(nonzero @ self._synapses[name].reshape(-1))
            if name in record:
                events[name] = sent.reshape(count, n_steps, *node.shape)
        outputs = {
            name: _at_every_step(found_values[name], n_steps, graph.nodes[place].shape)
            for name, place in graph.outputs.items()
        }
        return RunResult(
            outputs_over_time=outputs,
            spike_counts=counts,
            synaptic_operations=operations,
            events=events,
            n_steps=n_steps,
            input_events=entered,
        )


def _at_every_step(values: Array, n_steps: int, shape: tuple[int, ...]) -> Array:
    """Return an output with its steps, where it never changes as well."""
    if values.shape[1:] == shape and values.ndim == len(shape) + 1:
        values = np.repeat(values[:, None], n_steps, axis=1)
    return np.asarray(values, np.float32)
