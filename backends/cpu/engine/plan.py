"""The plan: which nodes of a graph the compiled loops take, and together with which others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ....converter.graph import Graph, Node
from ....converter.ops import Add, Conv, Dense, Input, Neurons, Output, Reshape
from .depthwise import as_depthwise

__all__ = ["Fused", "Gathered", "Plan"]

_SMALL = 8  # a node that is so many times smaller than the largest costs little, however it is computed


@dataclass(frozen=True, eq=False)
class Gathered:
    """A node whose values are gathered from events, or from the values of an analog signal that are not zero.

    Attributes
    ----------
    name, op
        A Conv or Dense; op is None where a population's own events go on as they are.
    source
        Whose events or values; behind a Reshape that flattens them where ``flat``.
    """

    name: str
    op: Conv | Dense | None
    source: str
    flat: bool


@dataclass(frozen=True, eq=False)
class Fused:
    """A population that fires as soon as its currents are gathered.

    Attributes
    ----------
    op
        The population.
    ways
        What it receives events through: none, one or two.
    others
        The nodes whose values it receives besides.
    depthwise
        The depthwise convolution of events that stands before all: its values come in through the one way, or where
        there is none, as they are.
    """

    op: Neurons
    ways: tuple[Gathered, ...]
    others: tuple[str, ...]
    depthwise: Node | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The nodes whose values it takes: what comes in through the ways, and then the others."""
        if self.depthwise is not None:
            return (*self.depthwise.inputs, *self.others)
        return (*(way.source for way in self.ways), *self.others)


class Plan:
    """How each node of a graph is computed.

    Attributes
    ----------
    fused
        Population → how it is run in one pass.
    gathered
        Conv or Dense → how it is gathered, where no population does so.
    depthwise
        Depthwise convolutions of events.
    skipped
        Nodes that are computed inside others.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.fused: dict[str, Fused] = {}
        self.gathered: dict[str, Gathered] = {}
        self.depthwise: set[str] = set()
        self.skipped: set[str] = set()
        for node in graph.nodes.values():
            if isinstance(node.op, Neurons) and node.op.plain:
                self._fuse(node, node.op)
                self.fused.setdefault(node.name, Fused(node.op, (), node.inputs))
                self._fuse_depthwise(node.name)
        for node in graph.nodes.values():
            if node.name not in self.skipped:
                if self._is_depthwise(node):
                    self.depthwise.add(node.name)
                found = self._gatherable(node)
                if found is not None:
                    self.gathered[node.name] = found
        self._skip_reshapes()
        self.readers = self._readers()

    def reads(self, node: Node) -> tuple[str, ...]:
        """Return the nodes whose values the computation of this node takes."""
        if node.name in self.fused:
            return self.fused[node.name].reads
        if node.name in self.gathered:
            return (self.gathered[node.name].source,)
        return node.inputs

    def wants_numbers(self, population: str) -> bool:
        """Say whether a reader of a population takes its events one for each neuron."""
        for node in self._graph.nodes.values():
            if node.name in self.skipped or population not in self.reads(node):
                continue
            if node.name in self.fused:
                fused = self.fused[node.name]
                if population in fused.others or fused.depthwise is not None:
                    return True
            elif node.name not in self.gathered:
                return True
        return False

    @property
    def takes_all(self) -> bool:
        """Say whether the compiled loops take all that costs time."""
        nodes = self._graph.nodes.values()
        largest = max(math.prod(node.shape) for node in nodes)
        return all(self.way_of(node) or _SMALL * math.prod(node.shape) < largest for node in nodes)

    def way_of(self, node: Node) -> str:
        """Return how a node is computed, in a word; "" where NumPy does it, or the layer itself."""
        if node.name in self.fused:
            fused = self.fused[node.name]
            return "events" if fused.ways or fused.depthwise is not None else "values"
        if node.name in self.gathered or node.name in self.depthwise:
            return "events"
        if node.name in self.skipped or isinstance(node.op, (Input, Output, Reshape)):
            return "none"
        return ""

    def _readers(self) -> Mapping[str, int]:
        counts = dict.fromkeys(self._graph.nodes, 0)
        for node in self._graph.nodes.values():
            if node.name not in self.skipped:
                for name in self.reads(node):
                    counts[name] += 1
        return counts

    def _fuse(self, node: Node, neurons: Neurons) -> None:
        feeding = self._graph.input_of(node)
        if self._graph.only_consumer(feeding) is None:
            return
        found = self._gatherable(feeding)
        if found is not None:
            self.fused[node.name] = Fused(neurons, (found,), ())
            self.skipped.add(feeding.name)
            return
        op = feeding.op
        if not isinstance(op, Add) or any(f != 1 for f in op.factors):
            return
        shapes = {self._graph.nodes[name].shape for name in feeding.inputs}
        if shapes != {feeding.shape} or len(set(feeding.inputs)) != len(feeding.inputs):
            return
        parts = [self._graph.nodes[name] for name in feeding.inputs]
        lone = [p for p in parts if self._graph.only_consumer(p) is not None]
        candidates = [(p, g) for p in lone if (g := self._gatherable(p)) is not None]
        if not candidates:
            return
        part, found = max(candidates, key=lambda c: _weights(c[0]))
        self.skipped |= {feeding.name, part.name}
        others = [p for p in parts if p is not part]
        if len(others) == 1 and self._sends(found.source):
            other = others[0]
            second = next((g for p, g in candidates if p is other), None)
            if second is not None and self._sends(second.source):
                self.skipped.add(other.name)
                self.fused[node.name] = Fused(neurons, (found, second), ())
                return
            if self._sends(other.name):
                self.fused[node.name] = Fused(neurons, (found, Gathered(other.name, None, other.name, False)), ())
                return
        self.fused[node.name] = Fused(neurons, (found,), tuple(p.name for p in others))

    def _fuse_depthwise(self, population: str) -> None:
        """Compute a depthwise convolution where its values are wanted: alone, or for a convolution of one place."""
        fused = self.fused[population]
        if len(fused.ways) > 1 or (not fused.ways and len(fused.others) != 1):
            return
        name = fused.ways[0].source if fused.ways else fused.others[0]
        node = self._graph.nodes[name]
        fits = all(_is_pointwise(way) for way in fused.ways)
        if fits and self._is_depthwise(node) and self._graph.only_consumer(node) is not None:
            others = fused.others if fused.ways else ()
            self.fused[population] = Fused(fused.op, fused.ways, others, node)
            self.skipped.add(name)

    def _is_depthwise(self, node: Node) -> bool:
        """Say whether a node is a depthwise convolution of events, or a mean."""
        if not node.inputs or not self._sends(node.inputs[0]):
            return False
        return as_depthwise(node.op, self._graph.input_of(node).shape[-1]) is not None

    def _sends(self, name: str) -> bool:
        """Say whether a node sends events."""
        return isinstance(self._graph.nodes[name].op, Neurons)

    def _gatherable(self, node: Node) -> Gathered | None:
        op = node.op
        if isinstance(op, Conv) and op.groups == 1:
            return Gathered(node.name, op, node.inputs[0], False)
        if not isinstance(op, Dense):
            return None
        feeding = self._graph.input_of(node)
        before = self._graph.input_of(feeding) if feeding.inputs else None
        if isinstance(feeding.op, Reshape) and len(feeding.shape) == 1 and before is not None:
            return Gathered(node.name, op, before.name, True)
        return Gathered(node.name, op, node.inputs[0], False)

    def _skip_reshapes(self) -> None:
        """Leave out the reshapes that no one reads any more."""
        read = {
            name for node in self._graph.nodes.values() if node.name not in self.skipped for name in self.reads(node)
        }
        for node in self._graph.nodes.values():
            if isinstance(node.op, Reshape) and node.name not in read:
                self.skipped.add(node.name)


def _is_pointwise(way: Gathered) -> bool:
    """Say whether each place takes what is at the same place of the source."""
    op = way.op
    if isinstance(op, Dense):
        return not way.flat
    return isinstance(op, Conv) and all(n == 1 for n in (*op.window, *op.strides)) and not np.any(op.padding)


def _weights(node: Node) -> int:
    op = node.op
    return op.kernel.size if isinstance(op, (Conv, Dense)) else 0
