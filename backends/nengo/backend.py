"""The nengo backend: one sample after the other through nengo.Simulator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array, Neurons, is_population, sample_keys
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, Verdict, silent
from ..fan_out import fan_out
from ..read_out import read_out_over_time
from ..seeds import seed_from
from ..verdicts import simulator_verdicts

__all__ = ["NengoBackend", "NengoDeployment"]

_WORDS = {
    "neurons": "an Ensemble",
    "folded": "a Connection",
    "host": "a Node with a function",
    "input": "a Node: samples come in here",
}


class NengoBackend:
    """Runs every network in Nengo's own simulator: slow, and the reference for the others."""

    name = "nengo"
    summary = "a nengo.Network run by nengo.Simulator, sample by sample: the reference; takes every graph"
    neurons = "graded"
    least_steps = 1

    def available(self) -> str:
        """Return "": nengo is installed with spikeport."""
        return ""

    def takes(self, op: Neurons) -> str:
        """Return "": it runs neurons of every kind."""
        return ""

    def check(self, graph: Graph) -> Iterator[Verdict]:
        """Say what each node becomes; nothing is refused."""
        return simulator_verdicts(graph, _WORDS)

    def deploy(self, graph: Graph, **options: Any) -> NengoDeployment:
        """Prepare the graph.

        Parameters
        ----------
        dt
            The step in seconds; results do not depend on it, since neurons count in steps.
        seed
            Of what random neurons draw.
        """
        dt, seed = options.pop("dt", 0.001), seed_from(options, self.name)
        if options:
            raise UsageError(f"the nengo backend takes the options dt and seed, received {', '.join(options)}")
        if not isinstance(dt, (int, float)) or not 0 < dt < math.inf:
            raise UsageError(f"the nengo backend takes a number of seconds above 0 as dt, received {dt!r}")
        return NengoDeployment(graph, float(dt), seed)


class NengoDeployment(Deployment):
    """A graph ready to run in nengo.Simulator; `network` is the nengo.Network, to look at or to build on."""

    def __init__(self, graph: Graph, dt: float, seed: int = 0) -> None:
        from .build import build_network

        self._graph = graph
        self._dt = dt
        self._seed = seed
        self._synapses = fan_out(graph)
        names = [n.name for n in graph.nodes.values() if is_population(n.op)]
        self._built = build_network(graph, dt=dt, probed=names)

    @property
    def network(self) -> Any:
        """Return the nengo.Network."""
        return self._built.network

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return how many Nengo objects there are."""
        network = self._built.network
        return {
            "ensembles": len(network.all_ensembles),
            "neurons": network.n_neurons,
            "nodes": len(network.all_nodes),
            "connections": len(network.all_connections),
        }

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
        """Run the samples one after the other, each from a reset simulator."""
        import nengo

        from .variant_neurons import VariantNeurons

        record = tuple(record)
        graph, built = self._graph, self._built
        inputs = InputCurrents.of(graph, samples, n_steps, encoder, first)
        count = len(inputs)
        input_events: list[Array] = []
        outputs = {
            name: np.zeros((count, n_steps, *graph.nodes[place].shape), np.float32)
            for name, place in graph.outputs.items()
        }
        counts = {name: np.zeros(count, np.int64) for name in built.populations}
        events = {name: np.zeros((count, n_steps, *graph.nodes[name].shape), np.int8) for name in record}
        operations = np.zeros(count)
        # nothing here is decoded, and the cache on disk is locked while another process uses it
        model = nengo.builder.Model(dt=self._dt, decoder_cache=nengo.cache.NoDecoderCache())
        with nengo.Simulator(built.network, model=model, dt=self._dt, progress_bar=False) as simulator:
            for index in range(count):
                simulator.reset(seed=0)
                currents, entered = inputs.batch(index, index + 1)
                for name, values in currents.items():
                    built.feeds[name].currents = values.reshape(len(values), -1)
                input_events += [] if entered is None else [entered]
                for name in built.populations:
                    ensemble = getattr(built.objects[name], "ensemble", None)  # a Node stands for trained cells
                    if isinstance(neuron_type := getattr(ensemble, "neuron_type", None), VariantNeurons):
                        neuron_type.key = sample_keys(self._seed, name, first + index, 1)
                simulator.run_steps(n_steps, progress_bar=False)
                for name, probe in built.outputs.items():
                    outputs[name][index] = read_out_over_time(graph, name, simulator.data[probe])
                for name, probe in built.populations.items():
                    node = graph.nodes[name]
                    sent = _events(simulator.data[probe], node.op, node.shape)
                    nonzero = (sent != 0).sum(axis=0)
                    counts[name][index] = nonzero.sum()
                    operations[index] += nonzero.reshape(-1) @ self._synapses[name].reshape(-1)
                    if name in events:
                        events[name][index] = sent
                on_progress(1)
        return RunResult(
            outputs_over_time=outputs,
            spike_counts=counts,
            synaptic_operations=operations,
            events=events,
            n_steps=n_steps,
            input_events=np.concatenate(input_events) if input_events else None,
        )


def _events(values: Array, op: Any, shape: tuple[int, ...]) -> Array:
    """Return whole-number events from a population's outputs nθ: ``(steps, *shape)``."""
    return np.asarray(np.rint(values / op.threshold_of(shape)).astype(np.int8).reshape(-1, *shape))
