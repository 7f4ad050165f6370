"""Running planned nodes: from signals and events to signals and events, with the compiled loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ....converter.dynamics import PopulationState, Signal
from ....converter.graph import Graph, Node
from ....converter.ops import Array, Neurons
from .event_lists import EventLists, as_rows, list_values, padded_channels
from .events import Events, room_for_lists
from .gather import gather_currents
from .plan import Fused, Gathered, Plan
from .population import Firing, run_population
from .row_map import RowMap, in_lanes, row_map, scaled
from .workspace import Workspace

__all__ = ["Engine"]

_SUMS = 2**15  # values of the sums that are gathered before neurons fire: they stay in the cache


@dataclass(frozen=True, eq=False)
class _Population:
    """A population with all that the compiled loops take."""

    to: RowMap
    firing: Firing


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
        self._maps = {name: self._map(g) for name, g in self.plan.gathered.items()}
        self._populations = {
            name: self._population(graph.nodes[name], fused, synapses[name]) for name, fused in self.plan.fused.items()
        }
        self._wants_numbers = {name for name in self._populations if self.plan.wants_numbers(name)}

    def gathered(self, name: str, source: Signal | Events, workspace: Workspace) -> Signal:
        """Return the values of a node that is gathered."""
        to, node = self._maps[name], self._graph.nodes[name]
        lists, steps, samples = _listed(self.plan.gathered[name], source, workspace)
        currents = np.empty((steps, samples, int(np.prod(node.shape))))
        gather_currents(lists, steps, to, _sums(to, steps, workspace), currents)
        return Signal(currents.reshape(steps, samples, *node.shape), _constant(source))

    def fired(
        self,
        name: str,
        source: Signal | Events,
        others: list[Signal],
        n_steps: int,
        state: PopulationState | None,
        workspace: Workspace,
        *,
        numbers: bool,
    ) -> tuple[Events, Array]:
        """Return the events of a fused population, and ``(2, samples)``: how many, and the synapses that they pass."""
        population, node = self._populations[name], self._graph.nodes[name]
        to, size = population.to, int(np.prod(node.shape))
        lists, source_steps, samples = _listed(self.plan.fused[name].gathered, source, workspace)
        base = None
        if others:
            received = others[0].values
            for other in others[1:]:
                received = received + other.values
            base = np.ascontiguousarray(received.reshape(len(received), samples, size))
        dense = None
        if numbers or name in self._wants_numbers:
            dense = np.empty((n_steps, samples, size), np.int8)
        made = room_for_lists(workspace, name, node.shape, n_steps, samples)
        counts = np.empty((2, samples))
        values = None if state is None else state.values
        sums = _sums(to, source_steps, workspace)
        run_population(lists, source_steps, n_steps, to, base, population.firing, made, dense, counts, values, sums)
        if state is not None:
            state.steps += n_steps
        events = Events(
            name=name,
            steps=n_steps,
            samples=samples,
            shape=node.shape,
            height=self.plan.fused[name].op.threshold.astype(np.float64),
            numbers=None if dense is None else dense.reshape(n_steps, samples, *node.shape),
            listed=made,
        )
        return events, counts

    def currents(self, name: str, source: Signal | Events, others: list[Signal], workspace: Workspace) -> Signal:
        """Return what a fused population receives, for those who run it otherwise: in activation units."""
        fused, node = self.plan.fused[name], self._graph.nodes[name]
        to = self._map(fused.gathered)
        lists, steps, samples = _listed(fused.gathered, source, workspace)
        currents = np.empty((steps, samples, int(np.prod(node.shape))))
        gather_currents(lists, steps, to, _sums(to, steps, workspace), currents)
        total = currents.reshape(steps, samples, *node.shape)
        for other in others:
            total = total + other.values
        return Signal(total, _constant(source) and all(other.constant for other in others))

    def _map(self, gathered: Gathered) -> RowMap:
        source = self._graph.nodes[gathered.source]
        sends = isinstance(source.op, Neurons)
        channels = as_rows(source.shape)[2]
        to = row_map(gathered.op, source.shape, padded_channels(channels) if sends else channels, flat=gathered.flat)
        heights = source.op.threshold.astype(np.float64) if isinstance(source.op, Neurons) else np.ones(1)
        return scaled(to, heights, np.ones(1), np.zeros((1, to.constant.shape[1])))

    def _population(self, node: Node, fused: Fused, synapses: Array) -> _Population:
        op = fused.op
        to = self._map(fused.gathered)
        thresholds = op.threshold.astype(np.float64)
        to = scaled(to, np.ones(1), thresholds, in_lanes(op.correction_of(node.shape), to))
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
        return _Population(to, firing)


def _constant(source: Signal | Events) -> bool:
    return isinstance(source, Signal) and source.constant


def _listed(gathered: Gathered, source: Signal | Events, workspace: Workspace) -> tuple[EventLists, int, int]:
    """Return events or values as lists, their steps and their samples."""
    if isinstance(source, Events):
        return source.lists(workspace), source.steps, source.samples
    steps, samples = source.values.shape[:2]
    rows, columns, channels = as_rows(source.values.shape[2:])
    size = rows * columns * channels
    lists = EventLists(
        codes=workspace.take(gathered.node.name, "codes in", (steps * samples * size,), np.int32),
        sizes=workspace.take(gathered.node.name, "sizes in", (steps * samples * size,), np.float64),
        starts=workspace.take(gathered.node.name, "starts in", (samples, rows * steps * columns + 1), np.int32),
    )
    flat = np.ascontiguousarray(source.values.reshape(steps, samples, size), dtype=np.float64)
    list_values(flat, rows, columns, channels, lists)
    return lists, steps, samples


def _sums(to: RowMap, steps: int, workspace: Workspace) -> Array:
    """Return room for the sums of one place at least."""
    each = to.weights.shape[0] * to.weights.shape[2] * steps
    return workspace.take("", "sums", (max(_SUMS // each, 1) * each,), np.float64)
