"""Running planned nodes: from signals and events to signals and events, with the compiled loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ....converter.dynamics import PopulationState, Signal
from ....converter.graph import Graph, Node
from ....converter.ops import Array, Cell, Neurons
from ...llvm import LANES
from .choice import Choice
from .depthwise import Depthwise, depthwise, depthwise_values, flat_numbers, no_depthwise
from .event_lists import EventLists, Source, as_rows, list_values, padded_channels
from .events import Events, room_for_lists
from .gather import gather_currents
from .plan import Fused, Gathered, Plan
from .population import Firing, run_population
from .row_map import RowMap, in_lanes, narrowed, no_map, row_map, scaled
from .values import Values, added
from .way import Way
from .ways import as_ways, phase_setup
from .whole_population import run_constant, run_whole
from .workspace import Workspace

__all__ = ["Engine"]

_SUMS = 2**15  # values of the sums that are gathered before neurons fire: they stay in the cache
_NO_NUMBERS = np.empty((0, 0, 0), np.int8)
_NO_EVENTS = np.empty(0, np.int8)
_NO_VALUES = np.empty((0, 0, 0))


@dataclass(frozen=True, eq=False)
class _Population:
    """A population with all that the compiled loops take.

    Attributes
    ----------
    to
        Its first way, in thresholds and float64, with the neurons' own constant current.
    before
        The depthwise convolution that stands before all; in thresholds where nothing stands between.
    constant
        What comes by no event: ``(places | 1, lanes)`` float64, in thresholds.
    ways, whole
        Its ways in whole numbers and the setup of the neurons; none where it is not run so.
    phase
        The setup of the neurons for constant currents; None where it is not run so.
    """

    to: RowMap
    before: Depthwise
    constant: Array
    firing: Firing
    ways: Sequence[Way]
    whole: Array | None
    phase: Array | None


class Engine:
    """The compiled form of a graph; it holds weights only, so that threads share it.

    Parameters
    ----------
    synapses
        Population → how many synapses each event passes.
    """

    def __init__(self, graph: Graph, synapses: Mapping[str, Array]) -> None:
        self.plan = Plan(graph)
        self._graph = graph
        self._kept: dict[Gathered, RowMap] = {}
        self._maps = {name: self._map(g) for name, g in self.plan.gathered.items()}
        self._depthwise = {name: depthwise(graph, graph.nodes[name]) for name in self.plan.depthwise}
        self._populations = {
            name: self._population(graph.nodes[name], fused, synapses[name]) for name, fused in self.plan.fused.items()
        }
        self._wants_numbers = {name for name in self._populations if self.plan.wants_numbers(name)}
        ways = {name: population.ways for name, population in self._populations.items()}
        self._choice = Choice(graph, self.plan, ways)

    def gathered(self, name: str, source: Signal | Events, workspace: Workspace) -> Signal:
        """Return the values of a node that is gathered."""
        return self._values(self._maps[name], source, workspace).reshaped(self._graph.nodes[name].shape)

    def fired(
        self,
        name: str,
        sources: Sequence[Signal | Events],
        n_steps: int,
        state: PopulationState | None,
        workspace: Workspace,
        *,
        numbers: bool,
    ) -> tuple[Events, Array]:
        """Return the events of a fused population, and ``(2, samples)``: how many, and the synapses that they pass.

        Parameters
        ----------
        sources
            What `Plan.reads` names.
        numbers
            Whether the events are wanted for each neuron.
        """
        population, fused, node = self._populations[name], self.plan.fused[name], self._graph.nodes[name]
        size = prod(node.shape)
        first = sources[0]
        samples = first.samples if isinstance(first, Events) else first.values.shape[1]
        wanted = numbers or name in self._wants_numbers or self._choice.is_multiplied(name)
        dense = np.empty((n_steps, samples, size), np.int8) if wanted else _NO_NUMBERS
        made = room_for_lists(workspace, node.shape, n_steps, samples)
        counts = np.empty((2, samples))
        source, values, steps = _no_lists(samples), _NO_VALUES, 1
        received = _NO_EVENTS
        if fused.depthwise is not None:
            received, steps = flat_numbers(_events(first), population.before), n_steps
        elif fused.ways:
            source, values, steps = _listed(first, workspace)
        whole = state is None and population.whole is not None
        sums, reach = _sums(population.to, steps, workspace, whole=whole)
        way, steady = "float64", made
        if whole and population.whole is not None:
            incoming = [self._choice.incoming(name, i, _events(sent), workspace) for i, sent in enumerate(sources)]
            way = "dense" if any(by.numbers.size for by in incoming) else "integers"
            steady_sums = _sums(population.to, 1, workspace, whole=True)
            again = run_whole(
                incoming[0],
                incoming[-1],
                len(incoming) > 1,
                n_steps,
                population.constant,
                population.whole,
                population.firing,
                made,
                dense,
                counts,
                sums,
                steady_sums[0],
                reach,
            )
            self._choice.note_doubtful(name, again / (samples * size))
            workspace.give_back(*steady_sums)
        elif state is None and population.phase is not None and steps == 1 and _constant(first):
            way = "phase"
            to, firing = population.to, population.firing
            steady = room_for_lists(workspace, node.shape, 1, samples)
            lists = source.lists
            run_constant(lists, n_steps, to, population.phase, firing, made, steady, dense, counts, sums, reach)
        else:
            base = self._base(fused, sources, source, samples, size, workspace)
            memory = None if state is None else state.values
            to, firing = population.to, population.firing
            run_population(
                source.lists,
                values,
                received,
                population.before,
                steps,
                n_steps,
                to,
                base,
                firing,
                made,
                dense if wanted else None,
                counts,
                memory,
                sums,
                reach,
            )
        workspace.give_back(sums, reach)
        if fused.ways and fused.depthwise is None:
            _release(source, first, workspace)
        if state is not None:
            state.steps += n_steps
        self._choice.note_density(name, counts[0].sum() / (n_steps * samples * size))
        events = Events(
            name=name,
            way=way,
            steps=n_steps,
            samples=samples,
            shape=node.shape,
            height=fused.op.threshold.astype(np.float64),
            numbers=dense.reshape(n_steps, samples, *node.shape) if wanted else None,
            listed=Source(made, steady, way == "phase"),
        )
        return events, counts

    def currents(self, name: str, sources: Sequence[Signal | Events], workspace: Workspace) -> Signal:
        """Return what a fused population receives, for those who run it otherwise: in activation units."""
        fused, shape = self.plan.fused[name], self._graph.nodes[name].shape
        if fused.depthwise is not None:
            mixed = self.depthwise(fused.depthwise.name, _events(sources[0]))
            sources = [mixed, *sources[1:]]
        parts = [
            self._values(self._kept_map(way), source, workspace)
            for way, source in zip(fused.ways, sources, strict=False)
        ]
        parts += [Values.of(source) for source in sources[len(fused.ways) :]]
        return added(parts).reshaped(shape)

    def depthwise(self, name: str, source: Events) -> Signal:
        """Return the values of a depthwise convolution of events."""
        shape = self._graph.nodes[name].shape
        if name not in self._depthwise:  # one that is fused: few runs need its values
            self._depthwise[name] = depthwise(self._graph, self._graph.nodes[name])
        values = depthwise_values(self._depthwise[name], source)
        return Signal(values.reshape(source.steps, source.samples, *shape), False)

    def way_of(self, name: str) -> str:
        """Return how a node without neurons is computed, in a word."""
        return "events" if name in self._maps or name in self._depthwise else "numpy"

    def _base(
        self,
        fused: Fused,
        sources: Sequence[Signal | Events],
        first: Source,
        samples: int,
        size: int,
        workspace: Workspace,
    ) -> Array | None:
        """Return what a population receives besides the lists of its first way: ``(steps | 1, samples, neurons)``."""
        parts = []
        if first.steadies:
            to = self._kept_map(fused.ways[0])
            parts.append(Values(self._gather(to, first.steady, _NO_VALUES, 1, workspace, biased=False), True))
        parts += [
            self._values(self._kept_map(way), source, workspace)
            for way, source in zip(fused.ways[1:], sources[1:], strict=False)
        ]
        parts += [Values.of(source) for source in sources[-len(fused.others) :] if fused.others]
        return np.ascontiguousarray(added(parts).values.reshape(-1, samples, size)) if parts else None

    def _values(self, to: RowMap, source: Signal | Events, workspace: Workspace) -> Values:
        listed, values, steps = _listed(source, workspace)
        currents = self._gather(to, listed.lists, values, steps, workspace)
        if listed.steadies:
            currents += self._gather(to, listed.steady, _NO_VALUES, 1, workspace, biased=False)
        _release(listed, source, workspace)
        return Values(currents, _constant(source))

    @staticmethod
    def _gather(
        to: RowMap, lists: EventLists, values: Array, steps: int, workspace: Workspace, *, biased: bool = True
    ) -> Array:
        """Return what lists or values bring in each step, ``(steps, samples, neurons)``, with the constant current."""
        if not biased:
            to = to._replace(constant=np.zeros_like(to.constant))
        currents = np.empty((steps, len(lists.starts), to.rows * to.columns * to.outputs))
        sums, reach = _sums(to, steps, workspace)
        gather_currents(lists, values, steps, to, sums, reach, currents)
        workspace.give_back(sums, reach)
        return currents

    def _kept_map(self, gathered: Gathered) -> RowMap:
        """Return a map into activation units, which few runs need."""
        if gathered not in self._kept:
            self._kept[gathered] = self._map(gathered)
        return self._kept[gathered]

    def _map(self, gathered: Gathered) -> RowMap:
        source = self._graph.nodes[gathered.source]
        sends = isinstance(source.op, Neurons)
        channels = as_rows(source.shape)[2]
        to = row_map(gathered.op, source.shape, padded_channels(channels) if sends else channels, flat=gathered.flat)
        if not sends and not self._still(source):
            to = narrowed(to)
        heights = source.op.threshold.astype(np.float64) if isinstance(source.op, Neurons) else np.ones(1)
        return scaled(to, heights, np.ones(1), np.zeros((1, to.constant.shape[1])))

    def _still(self, node: Node) -> bool:
        """Say whether the values of a node never change where those of the inputs do not."""
        nodes = self._graph.nodes
        return not isinstance(node.op, (Neurons, Cell)) and all(self._still(nodes[name]) for name in node.inputs)

    def _population(self, node: Node, fused: Fused, synapses: Array) -> _Population:
        op = fused.op
        thresholds = op.threshold.astype(np.float64)
        maps = [self._map(way) for way in fused.ways] or [no_map(node.shape)]
        correction = in_lanes(op.correction_of(node.shape), maps[0])
        none = np.zeros_like(correction)
        maps = [scaled(to, np.ones(1), thresholds, none if i else correction) for i, to in enumerate(maps)]
        to, before = maps[0], no_depthwise()
        if fused.depthwise is not None:
            before = depthwise(self._graph, fused.depthwise)
            if not fused.ways:
                per_threshold = np.zeros(before.weights.shape[1])
                per_threshold[: before.channels] = 1 / np.broadcast_to(thresholds, (before.channels,))
                to = to._replace(constant=to.constant + in_lanes(before.bias[: before.channels] / thresholds, to))
                before = before._replace(weights=before.weights * per_threshold)
                maps = [to]
        each = synapses.reshape(-1, to.outputs)
        alike = bool((each == each[:, :1]).all())
        firing = Firing(
            voltage=in_lanes(op.voltage_of(node.shape), to),
            per_threshold=in_lanes(1 / op.threshold_of(node.shape), to),
            synapses=np.ascontiguousarray(each[:, :1]) if alike else in_lanes(each, to),
            n_min=float(op.n_min),
            n_max=float(op.n_max),
            channels=padded_channels(to.outputs),
        )
        constant = sum((m.constant for m in maps[1:]), to.constant)
        limits = [
            (source.n_min, source.n_max)
            for way in fused.ways
            if isinstance(source := self._graph.nodes[way.source].op, Neurons)
        ]
        whole = None
        if not fused.others and len(limits) == len(maps):
            whole = as_ways(maps, limits, constant, firing.voltage, op.n_min)
        phase = None if len(maps) > 1 or fused.others else phase_setup(constant, firing.voltage)
        ways, setup = whole if whole is not None else ([], None)
        return _Population(to, before, constant, firing, ways, setup, phase)


def _events(source: Signal | Events) -> Events:
    if not isinstance(source, Events):
        raise TypeError("expected events, received values")
    return source


def _constant(source: Signal | Events) -> bool:
    return isinstance(source, Signal) and source.constant


def _listed(source: Signal | Events, workspace: Workspace) -> tuple[Source, Array, int]:
    """Return events, or values that never change, as lists; other values as they are; and their steps."""
    if isinstance(source, Events):
        return source.source(workspace), _NO_VALUES, source.steps
    steps, samples = source.values.shape[:2]
    rows, columns, channels = as_rows(source.values.shape[2:])
    size = rows * columns * channels
    flat = np.ascontiguousarray(source.values.reshape(steps, samples, size), dtype=np.float64)
    if steps > 1:
        return _no_lists(samples), flat, steps
    lists = room_for_lists(workspace, source.values.shape[2:], steps, samples, np.float64)
    list_values(flat[0], rows, columns, channels, lists)
    return Source(lists, lists, False), _NO_VALUES, steps


def _release(listed: Source, source: Signal | Events, workspace: Workspace) -> None:
    """Give lists of values back; events keep theirs until all have read them."""
    if not isinstance(source, Events):
        workspace.give_back(*listed.lists)


def _no_lists(samples: int) -> Source:
    none = np.zeros(0, np.int32)
    lists = EventLists(none, np.zeros(0, np.int8), np.zeros((samples, 1), np.int32))
    return Source(lists, lists, False)


def _sums(to: RowMap, steps: int, workspace: Workspace, *, whole: bool = False) -> tuple[Array, Array]:
    """Return room for the sums of one place at least, and for the sizes of the events that reach each."""
    each = to.weights.shape[0] * to.weights.shape[2] * steps
    many = max(_SUMS // each, 1)
    sums = workspace.take((many * each,), np.int32 if whole else np.float64)
    return sums, workspace.take((many * steps + LANES,), np.int32)
