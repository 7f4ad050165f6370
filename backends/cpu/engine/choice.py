"""Choice: whether events are added from lists or all numbers multiplied, from how many there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....converter.graph import Graph
from ....converter.ops import Neurons
from .event_lists import as_rows
from .events import Events
from .incoming import Incoming
from .plan import Plan
from .quads import Quads, is_quicker, no_quads, quads_of
from .way import Way
from .workspace import Workspace

__all__ = ["Choice"]

_NO_NUMBERS = np.empty((0, 0, 0), np.int8)
_UNKNOWN = 0.3  # the share that is counted with before anything is known: numbers cost time to write


class Choice:
    """The form in which events come into populations that run in whole numbers. Both forms are exact.

    It goes by what the last block of samples showed, of any thread: the results are the same in either form.

    Parameters
    ----------
    ways
        Population → its ways in whole numbers.
    """

    def __init__(self, graph: Graph, plan: Plan, ways: Mapping[str, Sequence[Way]]) -> None:
        self._graph = graph
        self._ways = ways
        self._readers: dict[str, list[tuple[str, int]]] = {name: [] for name in ways}
        for name, each in ways.items():
            for i in range(len(each)):
                self._readers.setdefault(plan.fused[name].ways[i].source, []).append((name, i))
        self._densities: dict[str, float] = {}
        self._doubtful: dict[str, float] = {}
        self._quads: dict[tuple[str, int], Quads] = {}

    def note_density(self, name: str, share: float) -> None:
        """Note the share of a population's neurons that sent in a step."""
        self._densities[name] = share

    def note_doubtful(self, name: str, share: float) -> None:
        """Note the share of a population's neurons that were run again."""
        self._doubtful[name] = share

    def is_multiplied(self, name: str) -> bool:
        """Say whether a reader of a population multiplies the numbers of all its events, as far as is known by now."""
        density = self._densities.get(name, _UNKNOWN)
        return any(self._is_quicker(reader, i, name, density) for reader, i in self._readers[name])

    def incoming(self, name: str, number: int, events: Events, workspace: Workspace) -> Incoming:
        """Return what comes into a population by one of its ways, in the form that is quicker."""
        way, source = self._ways[name][number], events.source(workspace)
        density = self._densities.get(events.name, 0.0)
        if events.numbers is None or not self._is_quicker(name, number, events.name, density):
            return Incoming(source, way, no_quads(), _NO_NUMBERS)
        if (name, number) not in self._quads:
            sending = self._graph.nodes[events.name].op
            n_min = sending.n_min if isinstance(sending, Neurons) else 0
            self._quads[name, number] = quads_of(way.to, n_min, as_rows(events.shape)[2])
        numbers = np.ascontiguousarray(events.numbers.reshape(*events.numbers.shape[:2], -1))
        return Incoming(source, way, self._quads[name, number], numbers)

    def _is_quicker(self, name: str, number: int, source: str, density: float) -> bool:
        channels = as_rows(self._graph.nodes[source].shape)[2]
        return is_quicker(self._ways[name][number].to, channels, density, self._doubtful.get(name, 0.0))
