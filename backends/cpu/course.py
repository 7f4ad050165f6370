"""A batch on its way through the steps: the graph layer by layer, and what its nodes remember in between."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...converter.dynamics import PopulationState, Signal, apply_over_steps, fire
from ...converter.graph import Graph, Node
from ...converter.ops import Array, Cell, CellState, Input, Neurons, Output, RunningSums, sample_keys
from ..read_out import RunningMean
from .engine import Engine, Events, Workspace
from .engine.counts import counted
from .profile import Profile

__all__ = ["Course", "Stretch"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretch:
    """What a batch did in some steps.

    Attributes
    ----------
    outputs
        Keras output name → ``(steps, samples, *shape)`` float64: the read-out at each step.
    counts
        Population → ``(steps, samples)``: how many events it sent, or ``(1, samples)`` for all the steps together.
    operations
        The additions that these cause, in the same shape.
    events
        Population → ``(steps, samples, *shape)`` int8, for those recorded.
    """

    outputs: Mapping[str, Array]
    counts: Mapping[str, Array]
    operations: Array
    events: Mapping[str, Array]


class Course:
    """A batch that goes through a graph, all the steps at once or some after others with the same result.

    Parameters
    ----------
    engine
        The compiled form of the graph.
    synapses
        Population → how many synapses each event passes.
    workspace
        Of the thread.
    first, count
        The place of the first sample among all, and how many there are.
    resumes
        Remember what it takes to go on; a batch that runs once only is spared that.
    profile
        Where to write down what each node costs.
    """

    def __init__(
        self,
        graph: Graph,
        engine: Engine,
        synapses: Mapping[str, Array],
        workspace: Workspace,
        seed: int,
        first: int,
        count: int,
        *,
        resumes: bool = True,
        profile: Profile | None = None,
    ) -> None:
        self._graph = graph
        self._engine = engine
        self._workspace = workspace
        self._profile = profile
        self._synapses = synapses
        others = [n for n, _ in _populations(graph) if n.name not in engine.plan.fused]  # fused ones draw no numbers
        self._keys = {node.name: sample_keys(seed, node.name, first, count) for node in others}
        self._resumes = resumes
        self.count = count
        self.states: dict[str, PopulationState] = {}
        self._sums: dict[str, RunningSums | CellState] = {}
        self._means: dict[str, RunningMean] = {}
        self._constants: dict[str, Signal] = {}

    def begin(self, states: Mapping[str, PopulationState]) -> None:
        """Go back to the first step, with what the populations begin with."""
        self.states = dict(states)
        self._sums = {}
        self._means = {}

    def fresh_states(self) -> dict[str, PopulationState]:
        """Return what the populations begin with according to their ops."""
        return {n.name: PopulationState.start(op, n.shape, self.count) for n, op in _populations(self._graph)}

    def keep(self, places: Array) -> None:
        """Go on with the samples at these places only."""
        self.count = len(places)
        self._keys = {name: keys[places] for name, keys in self._keys.items()}
        memories: list[PopulationState | RunningSums | CellState | RunningMean] = [
            *self.states.values(),
            *self._sums.values(),
        ]
        for memory in (*memories, *self._means.values()):
            memory.keep(places)
        self._constants = {name: Signal(s.values[:, places], True) for name, s in self._constants.items()}

    def advance(
        self, currents: Mapping[str, Signal], n_steps: int, *, record: tuple[str, ...] = (), each_step: bool = False
    ) -> Stretch:
        """Run the next steps.

        Parameters
        ----------
        currents
            Input → its currents in these steps; constant where they never change in any.
        record
            Populations whose events to return.
        each_step
            Count the events of each step, rather than of all together.
        """
        graph, plan = self._graph, self._engine.plan
        left = dict(plan.readers)
        values: dict[str, Signal | Events] = {}
        counts: dict[str, Array] = {}
        events: dict[str, Array] = {}
        operations = np.zeros((n_steps if each_step else 1, self.count))
        for node in graph.nodes.values():
            if node.name in plan.skipped:
                continue
            reads, began = plan.reads(node), time.perf_counter()
            if isinstance(node.op, Neurons):
                recorded = node.name in record
                sent, counts[node.name], caused = self._fired(node, node.op, values, n_steps, each_step, recorded)
                values[node.name] = sent
                operations += caused
                if recorded:
                    events[node.name] = sent.dense()
            elif isinstance(node.op, Input):
                values[node.name] = currents[node.name]
            elif node.name in plan.gathered:
                values[node.name] = self._gathered(node, values[reads[0]])
            elif node.name in plan.depthwise:
                values[node.name] = self._depthwise(node, values[reads[0]])
            elif isinstance(node.op, Output):
                given = _signal(values[reads[0]])
                values[node.name] = Signal(self._read_out(node, node.op, given.over(n_steps)), False)
            else:
                values[node.name] = self._applied(node, [_signal(values[name]) for name in reads], n_steps)
                if isinstance(node.op, Cell) and node.op.fires:
                    spikes = _signal(values[node.name]).values.astype(np.int8)
                    counts[node.name], caused = counted(spikes, self._synapses[node.name], each_step)
                    operations += caused
                    if node.name in record:
                        events[node.name] = spikes
            if self._profile is not None:
                seconds, done = time.perf_counter() - began, values[node.name]
                way = done.way if isinstance(done, Events) else self._engine.way_of(node.name)
                sent_here = (counts[node.name], caused) if node.name in counts else (None, None)
                neuron_steps = n_steps * self.count * math.prod(node.shape)
                self._profile.add(node, way, seconds, neuron_steps, *sent_here)
            for name in reads:
                left[name] -= 1
                if not left[name]:
                    read = values.pop(name)
                    if isinstance(read, Events):
                        read.release(self._workspace)
        outputs = {name: _signal(values[place]).values for name, place in graph.outputs.items()}
        return Stretch(outputs=outputs, counts=counts, operations=operations, events=events)

    def _fired(
        self,
        node: Node,
        op: Neurons,
        values: Mapping[str, Signal | Events],
        n_steps: int,
        each_step: bool,
        recorded: bool,
    ) -> tuple[Events, Array, Array]:
        """Return what a population sent, how many events that is, and the synapses that they pass."""
        state = None
        if self._resumes:
            state = self.states.get(node.name) or PopulationState.start(op, node.shape, self.count)
            self.states[node.name] = state
        sources = [values[name] for name in self._engine.plan.reads(node)]
        if node.name not in self._engine.plan.fused:
            current = _signal(sources[0])
        elif state is None or (state.extremes is None and state.silent is None):
            wanted = recorded or each_step
            sent, sums = self._engine.fired(node.name, sources, n_steps, state, self._workspace, numbers=wanted)
            if each_step:
                return sent, *counted(sent.dense(), self._synapses[node.name], True)
            return sent, sums[:1].astype(np.int64), sums[1:]
        else:
            current = self._engine.currents(node.name, sources, self._workspace)
        numbers = fire(op, node.shape, current, n_steps, self._keys.get(node.name), state, threads=1)
        sent = Events(
            name=node.name,
            steps=n_steps,
            samples=self.count,
            shape=node.shape,
            height=op.threshold.astype(np.float64),
            numbers=numbers,
        )
        return sent, *counted(numbers, self._synapses[node.name], each_step)

    def _depthwise(self, node: Node, source: Signal | Events) -> Signal:
        if not isinstance(source, Events):
            raise TypeError(f"{node.name}: expected events, received values")
        return self._engine.depthwise(node.name, source)

    def _gathered(self, node: Node, source: Signal | Events) -> Signal:
        if node.name in self._constants:
            return self._constants[node.name]
        signal = self._engine.gathered(node.name, source, self._workspace)
        if self._resumes and signal.constant:
            self._constants[node.name] = signal
        return signal

    def _read_out(self, node: Node, op: Output, current: Array) -> Array:
        """Return an output at every step: ``(steps, batch, *shape)``."""
        running = self._means.setdefault(node.name, RunningMean(op.start)) if self._resumes else RunningMean(op.start)
        mean = running.of_more(current)
        return op.apply(mean.reshape(-1, *mean.shape[2:])).reshape(mean.shape)

    def _memory_of(self, node: Node) -> RunningSums | CellState:
        return node.op.start(self.count, node.shape) if isinstance(node.op, Cell) else RunningSums()

    def _applied(self, node: Node, inputs: list[Signal], n_steps: int) -> Signal:
        if not self._resumes:
            return apply_over_steps(node.op, inputs, n_steps)
        if node.name in self._constants:
            return self._constants[node.name]
        so_far = None if node.op.linear else self._sums.setdefault(node.name, self._memory_of(node))
        signal = apply_over_steps(node.op, inputs, n_steps, so_far)
        if signal.constant:
            self._constants[node.name] = signal
        return signal


def _populations(graph: Graph) -> list[tuple[Node, Neurons]]:
    return [(node, node.op) for node in graph.nodes.values() if isinstance(node.op, Neurons)]


def _signal(values: Signal | Events) -> Signal:
    return values.signal() if isinstance(values, Events) else values
