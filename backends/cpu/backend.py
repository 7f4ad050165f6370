"""The cpu backend: the whole batch through one layer for all steps, then through the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...converter.dynamics import Signal, apply_over_steps, fire
from ...converter.graph import Graph
from ...converter.ops import Array, Input, Neurons, Output, sample_keys
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, Verdict, silent
from ..fan_out import fan_out
from ..read_out import read_out_mean
from ..seeds import seed_from
from ..verdicts import simulator_verdicts

__all__ = ["CpuBackend", "CpuDeployment"]

_MEMORY = 512 * 2**20

_WORDS = {
    "neurons": "",
    "folded": "",
    "host": "on running means, exact as the steps grow",
    "input": "samples come in here",
}


class CpuBackend:
    """Runs every network; float64, so that events are those of the nengo backend."""

    name = "cpu"
    summary = "batched simulation on the processor; takes every graph"
    neurons = "graded"
    least_steps = 1

    def available(self) -> str:
        """Return "": it needs nothing that spikeport does not need itself."""
        return ""

    def takes(self, op: Neurons) -> str:
        """Return "": it runs neurons of every kind."""
        return ""

    def check(self, graph: Graph) -> Iterator[Verdict]:
        """Say where each node's work is done; it is never refused."""
        return simulator_verdicts(graph, _WORDS)

    def deploy(self, graph: Graph, **options: Any) -> CpuDeployment:
        """Prepare the graph.

        Parameters
        ----------
        memory
            About how many bytes a batch may take; batches are cut to it.
        seed
            Of what random neurons draw.
        """
        memory, seed = options.pop("memory", _MEMORY), seed_from(options, self.name)
        if options:
            raise UsageError(f"the cpu backend takes the options memory and seed, received {', '.join(options)}")
        if not isinstance(memory, int) or memory < 1:
            raise UsageError(f"the cpu backend takes a number of bytes as memory, received {memory!r}")
        return CpuDeployment(graph, memory, seed)


class CpuDeployment(Deployment):
    """A graph ready to run on the processor."""

    def __init__(self, graph: Graph, memory: int, seed: int = 0) -> None:
        self._graph = graph
        self._memory = memory
        self._seed = seed
        self._synapses = fan_out(graph)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return the number of neurons of each population."""
        populations = {n.name: int(np.prod(n.shape)) for n in self._graph.nodes.values() if isinstance(n.op, Neurons)}
        return {"neurons": populations}

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
        """Run batches that fit the memory; the results do not depend on how they are cut."""
        record = tuple(record)
        inputs = InputCurrents.of(self._graph, samples, n_steps, encoder, first)
        widest = max(int(np.prod(n.shape)) for n in self._graph.nodes.values())
        batch = int(np.clip(self._memory // (8 * 4 * widest * n_steps), 1, 256))
        parts = []
        for start in range(0, len(inputs), batch):
            stop = min(start + batch, len(inputs))
            parts.append(self._run_batch(*inputs.batch(start, stop), n_steps, record, first + start))
            on_progress(stop - start)
        return _joined(parts, n_steps)

    def _run_batch(
        self,
        currents: Mapping[str, Array],
        input_events: Array | None,
        n_steps: int,
        record: tuple[str, ...],
        first: int,
    ) -> RunResult:
        graph = self._graph
        left = {name: len(readers) for name, readers in graph.consumers.items()}
        values: dict[str, Signal] = {}
        counts: dict[str, Array] = {}
        events: dict[str, Array] = {}
        count = next(iter(currents.values())).shape[1]
        operations = np.zeros(count)
        for node in graph.nodes.values():
            if isinstance(node.op, Input):
                values[node.name] = Signal(currents[node.name], len(currents[node.name]) == 1)
                continue
            inputs = [values[name] for name in node.inputs]
            if isinstance(node.op, Neurons):
                keys = sample_keys(self._seed, node.name, first, count)
                sent = fire(node.op, node.shape, inputs[0], n_steps, keys)
                values[node.name] = Signal(sent * node.op.threshold.astype(np.float64), False)
                nonzero = (sent != 0).sum(axis=0)
                counts[node.name] = nonzero.reshape(len(nonzero), -1).sum(axis=1)
                operations += nonzero.reshape(len(nonzero), -1) @ self._synapses[node.name].reshape(-1)
                if node.name in record:
                    events[node.name] = sent.swapaxes(0, 1)
            elif isinstance(node.op, Output):
                values[node.name] = Signal(_read_out(node.op, inputs[0], n_steps), False)
            else:
                values[node.name] = apply_over_steps(node.op, inputs, n_steps)
            for name in node.inputs:
                left[name] -= 1
                if not left[name]:
                    del values[name]
        outputs = {
            name: values[place].values.swapaxes(0, 1).astype(np.float32) for name, place in graph.outputs.items()
        }
        return RunResult(
            outputs_over_time=outputs,
            spike_counts=counts,
            synaptic_operations=operations,
            events=events,
            n_steps=n_steps,
            input_events=input_events,
        )


def _read_out(op: Output, current: Signal, n_steps: int) -> Array:
    """Return an output at every step: ``(steps, batch, *shape)``."""
    mean = read_out_mean(current.over(n_steps), op.start)
    return op.apply(mean.reshape(-1, *mean.shape[2:])).reshape(mean.shape)


def _joined(parts: Sequence[RunResult], n_steps: int) -> RunResult:
    """Return the results of batches as one."""

    def join(pick: str) -> dict[str, Array]:
        return {name: np.concatenate([getattr(p, pick)[name] for p in parts]) for name in getattr(parts[0], pick)}

    input_events = [p.input_events for p in parts if p.input_events is not None]
    return RunResult(
        outputs_over_time=join("outputs_over_time"),
        spike_counts=join("spike_counts"),
        synaptic_operations=np.concatenate([p.synaptic_operations for p in parts if p.synaptic_operations is not None]),
        events=join("events"),
        n_steps=n_steps,
        input_events=np.concatenate(input_events) if input_events else None,
    )
