"""The cpu backend: the whole batch through one layer for all steps, then through the next."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ...converter.dynamics import Signal
from ...converter.graph import Graph
from ...converter.ops import Array, Neurons
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, Verdict, silent
from ..early_exit import Confidence, EarlyExit
from ..fan_out import fan_out
from ..seeds import seed_from
from ..verdicts import simulator_verdicts
from .course import Course, Stretch
from .engine import Engine, Workspace
from .exits import run_until_exit
from .two_phase import Correction, correction_named, require_correctable

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
        correction
            `SRP` or `COS`, or "srp" or "cos": run each sample twice, the second time corrected by the first.
        exit
            An `EarlyExit`: stop each sample as soon as its read-out is sure enough.
        """
        memory, seed = options.pop("memory", _MEMORY), seed_from(options, self.name)
        correction, early = options.pop("correction", None), options.pop("exit", None)
        if options:
            raise UsageError(
                "the cpu backend takes the options memory, seed, correction and exit, received " + ", ".join(options)
            )
        if not isinstance(memory, int) or memory < 1:
            raise UsageError(f"the cpu backend takes a number of bytes as memory, received {memory!r}")
        if correction is not None:
            correction = correction_named(correction)
            require_correctable(graph)
        if early is not None:
            if not isinstance(early, EarlyExit):
                raise UsageError(f"the cpu backend takes an EarlyExit as exit, received {early!r}")
            Confidence.of(graph, early.rule)
        return CpuDeployment(graph, memory, seed, correction, early)


class CpuDeployment(Deployment):
    """A graph ready to run on the processor."""

    def __init__(
        self,
        graph: Graph,
        memory: int,
        seed: int = 0,
        correction: Correction | None = None,
        early: EarlyExit | None = None,
    ) -> None:
        self._graph = graph
        self._memory = memory
        self._seed = seed
        self._correction = correction
        self._exit = early
        self._jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._synapses = fan_out(graph)
        self._engine = Engine(graph, self._synapses)

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
        if self._correction is not None and not inputs.constant:
            raise UsageError(
                f"the correction {self._correction.name} expects samples that stay the same over the steps, "
                "received a sequence or an encoder"
            )
        block = self._block(n_steps)
        cuts = [(start, min(start + block, len(inputs))) for start in range(0, len(inputs), block)]
        local = threading.local()

        def part(cut: tuple[int, int]) -> RunResult:
            if not hasattr(local, "workspace"):
                local.workspace = Workspace()
            return self._run_batch(inputs, *cut, record, local.workspace)

        parts = []
        with ThreadPoolExecutor(self._jobs) as pool:
            for (start, stop), done in zip(cuts, pool.map(part, cuts), strict=True):
                parts.append(done)
                on_progress(stop - start)
        return _joined(parts)

    def _block(self, n_steps: int) -> int:
        """Return how many samples a thread runs at once."""
        most = self._memory // (self._jobs * self._bytes_of_a_sample(n_steps))
        largest = max(int(np.prod(n.shape)) for n in self._graph.nodes.values())
        fast = 2**21 // (largest * n_steps)
        return int(np.clip(min(most, fast), 1, 256))

    @property
    def _resumes(self) -> bool:
        return self._correction is not None or self._exit is not None

    def _bytes_of_a_sample(self, n_steps: int) -> int:
        sizes = [int(np.prod(n.shape)) for n in self._graph.nodes.values()]
        steps = max(n_steps, 0 if self._correction is None else self._correction.steps)
        remembered = 4 * sum(sizes) if self._resumes else 0
        return 8 * (4 * max(sizes) * steps + remembered)

    def _run_batch(
        self, inputs: InputCurrents, start: int, stop: int, record: tuple[str, ...], workspace: Workspace
    ) -> RunResult:
        encoded, input_events = inputs.batch(start, stop)
        currents = {name: Signal(x, len(x) == 1) for name, x in encoded.items()}
        first, count, n_steps = inputs.first + start, stop - start, inputs.n_steps
        course = Course(
            self._graph, self._engine, self._synapses, workspace, self._seed, first, count, resumes=self._resumes
        )
        before = [] if self._correction is None else self._correction.run_first_phase(course, currents)
        if self._exit is None:
            result = _result(course.advance(currents, n_steps, record=record), n_steps, input_events)
        else:
            confidence = Confidence.of(self._graph, self._exit.rule)
            result = run_until_exit(course, currents, n_steps, self._exit, confidence, record)
            if input_events is not None and result.steps_taken is not None:
                result = replace(result, input_events=inputs.events_until(encoded, result.steps_taken))
        return _with_first_phase(result, before, 0 if self._correction is None else self._correction.extra_steps)


def _result(done: Stretch, n_steps: int, input_events: Array | None) -> RunResult:
    """Return what a batch did in all its steps."""
    return RunResult(
        outputs_over_time={name: x.swapaxes(0, 1).astype(np.float32) for name, x in done.outputs.items()},
        spike_counts={name: counts.sum(axis=0) for name, counts in done.counts.items()},
        synaptic_operations=done.operations.sum(axis=0),
        events={name: sent.swapaxes(0, 1) for name, sent in done.events.items()},
        n_steps=n_steps,
        input_events=input_events,
    )


def _with_first_phase(result: RunResult, before: Sequence[Stretch], extra_steps: int) -> RunResult:
    """Return the result with the events of the first phase counted too."""
    if not before:
        return result
    counts = {name: c + sum(b.counts[name].sum(axis=0) for b in before) for name, c in result.spike_counts.items()}
    operations = result.synaptic_operations + sum(b.operations.sum(axis=0) for b in before)
    return replace(result, spike_counts=counts, synaptic_operations=operations, extra_steps=extra_steps)


def _joined(parts: Sequence[RunResult]) -> RunResult:
    """Return the results of batches as one."""

    def join(pick: str) -> dict[str, Array]:
        return {name: np.concatenate([getattr(p, pick)[name] for p in parts]) for name in getattr(parts[0], pick)}

    def join_one(pick: str) -> Array | None:
        there = [getattr(p, pick) for p in parts if getattr(p, pick) is not None]
        return np.concatenate(there) if there else None

    return replace(
        parts[0],
        outputs_over_time=join("outputs_over_time"),
        spike_counts=join("spike_counts"),
        synaptic_operations=join_one("synaptic_operations"),
        events=join("events"),
        input_events=join_one("input_events"),
        steps_taken=join_one("steps_taken"),
    )
