"""The cpu backend: the whole batch through one layer for all steps, then through the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...converter.graph import Graph, Node
from ...converter.ops import Array, Input, Neurons, Output, as_rate_domain, sample_keys
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, Verdict, silent
from ..fan_out import fan_out
from ..read_out import running_mean
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


@dataclass(frozen=True, eq=False)
class _Sequence:
    """A node's values over the steps: ``(steps, batch, *shape)``, or ``(1, batch, *shape)`` if they never change."""

    values: Array
    constant: bool


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
        values: dict[str, _Sequence] = {}
        counts: dict[str, Array] = {}
        events: dict[str, Array] = {}
        count = next(iter(currents.values())).shape[1]
        operations = np.zeros(count)
        for node in graph.nodes.values():
            if isinstance(node.op, Input):
                values[node.name] = _Sequence(currents[node.name], len(currents[node.name]) == 1)
                continue
            inputs = [values[name] for name in node.inputs]
            if isinstance(node.op, Neurons):
                keys = sample_keys(self._seed, node.name, first, count)
                sent = _fire(node, node.op, inputs[0], n_steps, keys)
                values[node.name] = _Sequence(sent * node.op.threshold.astype(np.float64), False)
                nonzero = (sent != 0).sum(axis=0)
                counts[node.name] = nonzero.reshape(len(nonzero), -1).sum(axis=1)
                operations += nonzero.reshape(len(nonzero), -1) @ self._synapses[node.name].reshape(-1)
                if node.name in record:
                    events[node.name] = sent.swapaxes(0, 1)
            else:
                values[node.name] = _apply(node, inputs, n_steps)
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


def _fire(node: Node, op: Neurons, current: _Sequence, n_steps: int, keys: Array) -> Array:
    """Return the events of a population: ``(steps, batch, *shape)`` int8."""
    from .kernels import integrate, integrate_variant

    batch = current.values.shape[1]
    flat = np.ascontiguousarray(current.values.reshape(len(current.values), batch, -1), dtype=np.float64)
    events = np.empty((n_steps, batch, flat.shape[-1]), np.int8)
    shape = node.shape
    each = op.threshold_of(shape), op.voltage_of(shape), op.correction_of(shape)
    if op.plain:
        integrate(flat, current.constant, n_steps, *each, op.n_min, op.n_max, events)
    else:
        integrate_variant(flat, current.constant, n_steps, *each, op.dynamics, keys, events)
    return events.reshape(n_steps, batch, *node.shape)


def _apply(node: Node, inputs: Sequence[_Sequence], n_steps: int) -> _Sequence:
    """Apply an op without neurons over all steps: linear ones step by step, the others to running means."""
    op = node.op
    constant = all(s.constant for s in inputs)
    if isinstance(op, Output):
        (z,) = inputs
        mean = np.broadcast_to(z.values, (n_steps, *z.values.shape[1:])) if constant else running_mean(z.values)
        flat = op.apply(mean.reshape(-1, *mean.shape[2:]))
        return _Sequence(flat.reshape(mean.shape), False)
    if constant:  # the mean of a constant is that constant, for any op
        return _Sequence(op.apply(*(s.values[0] for s in inputs))[None], True)
    full = [np.broadcast_to(s.values, (n_steps, *s.values.shape[1:])) if s.constant else s.values for s in inputs]
    if not op.linear:
        return _Sequence(as_rate_domain(op, *full), False)
    flat = op.apply(*(x.reshape(-1, *x.shape[2:]) for x in full))
    return _Sequence(flat.reshape(n_steps, -1, *flat.shape[1:]), False)


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
