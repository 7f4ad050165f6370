"""A graph ready to run on the processor: samples in blocks, and blocks in threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...converter.dynamics import Signal
from ...converter.graph import Graph
from ...converter.ops import Array, HostLayer, Neurons
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, silent
from ..early_exit import Confidence, EarlyExit
from ..fan_out import fan_out
from ..joining import joined
from .course import Course
from .engine import Engine, Workspace
from .exits import run_until_exit
from .memory import Cut
from .profile import Profile
from .results import as_result, with_first_phase
from .two_phase import Correction

__all__ = ["MEMORY", "CpuDeployment", "Options"]

MEMORY = 512 * 2**20


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the cpu backend, checked.

    Attributes
    ----------
    memory
        About how many bytes the samples that are run at once may take.
    batch
        How many samples a thread runs at once; None for what is fast and fits.
    n_jobs
        How many threads; None for one a processor.
    """

    memory: int = MEMORY
    batch: int | None = None
    n_jobs: int | None = None
    seed: int = 0
    correction: Correction | None = None
    exit: EarlyExit | None = None
    profile: bool = False


class CpuDeployment(Deployment):
    """A graph ready to run on the processor.

    Attributes
    ----------
    profile
        Where the time of all runs went; None unless it was asked for.
    """

    def __init__(self, graph: Graph, options: Options) -> None:
        self._graph = graph
        self._options = options
        self._synapses = fan_out(graph)
        self._engine = Engine(graph, self._synapses)
        self.profile = Profile(graph) if options.profile else None

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
        """Run blocks that fit the memory; the results depend neither on how they are cut nor on the threads."""
        record = tuple(record)
        inputs = InputCurrents.of(self._graph, samples, n_steps, encoder, first)
        correction = self._options.correction
        if correction is not None and not inputs.constant:
            raise UsageError(
                f"the correction {correction.name} expects samples that stay the same over the steps, "
                "received a sequence or an encoder"
            )
        cut = self._cut(inputs)
        if self.profile is not None:
            self.profile.samples += len(inputs)
        local = threading.local()

        def part(place: tuple[int, int]) -> RunResult:
            if not hasattr(local, "workspace"):
                local.workspace = Workspace()
            return self._run_block(inputs, *place, cut.steps, record, local.workspace)

        block = min(cut.block, -(-len(inputs) // cut.jobs)) or 1
        places = [(start, min(start + block, len(inputs))) for start in range(0, len(inputs), block)]
        parts = []
        for (start, stop), done in zip(places, _in_threads(part, places, cut.jobs), strict=True):
            parts.append(done)
            on_progress(stop - start)
        return joined(parts)

    def _cut(self, inputs: InputCurrents) -> Cut:
        options, plan = self._options, self._engine.plan
        on_host = any(isinstance(node.op, HostLayer) for node in self._graph.nodes.values())  # Keras has threads itself
        jobs = 1 if on_host else options.n_jobs or _processors()
        cut = Cut.fitting(
            self._graph,
            plan,
            inputs.n_steps,
            options.memory,
            jobs,
            constant=inputs.constant,
            resumes=self._resumes,
        )
        return cut if options.batch is None else replace(cut, block=min(options.batch, cut.block))

    @property
    def _resumes(self) -> bool:
        return self._options.correction is not None or self._options.exit is not None

    def _run_block(
        self,
        inputs: InputCurrents,
        start: int,
        stop: int,
        steps: int,
        record: tuple[str, ...],
        workspace: Workspace,
    ) -> RunResult:
        encoded, input_events = inputs.batch(start, stop)
        currents = {name: Signal(x, len(x) == 1) for name, x in encoded.items()}
        first, count, n_steps = inputs.first + start, stop - start, inputs.n_steps
        correction, early = self._options.correction, self._options.exit
        course = Course(
            self._graph,
            self._engine,
            self._synapses,
            workspace,
            self._options.seed,
            first,
            count,
            resumes=self._resumes or steps < n_steps,
            profile=self.profile,
        )
        before = [] if correction is None else correction.run_first_phase(course, currents)
        if early is None:
            done = []
            for begin in range(0, n_steps, steps):
                end = min(begin + steps, n_steps)
                some = {n: s if s.constant else Signal(s.values[begin:end], False) for n, s in currents.items()}
                done.append(course.advance(some, end - begin, record=record))
            result = as_result(done, n_steps, input_events)
        else:
            confidence = Confidence.of(self._graph, early.rule)
            result = run_until_exit(course, currents, n_steps, early, confidence, record)
            if input_events is not None and result.steps_taken is not None:
                result = replace(result, input_events=inputs.events_until(encoded, result.steps_taken))
        return with_first_phase(result, before, 0 if correction is None else correction.extra_steps)


def _in_threads(
    work: Callable[[tuple[int, int]], RunResult], places: Sequence[tuple[int, int]], jobs: int
) -> Iterator[RunResult]:
    """Yield the results in order; what has not begun is dropped when the caller stops."""
    if jobs == 1 or len(places) == 1:
        yield from map(work, places)
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        yield from pool.map(work, places)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
