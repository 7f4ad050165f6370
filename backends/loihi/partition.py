"""Who computes what: which nodes of a graph become neurons on the chip, which stay on the host, and which cannot go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...converter.graph import Graph, Node
from ...converter.ops import (
    Activation,
    AtEachStep,
    Cell,
    Dot,
    Extremum,
    HostLayer,
    Input,
    MaxPool,
    Multiply,
    Output,
    Standardize,
    UnitLength,
)
from ...converter.ops import is_population as sends_events

__all__ = ["Partition", "is_population", "partition"]

_NO_COUNTERPART = "has no counterpart between neurons of the chip"
_ELSEWHERE = "or run with backend='cpu'"
_NOTHING_TO_DO = "the network has no ReLU layer, so the chip would have nothing to do: run with backend='cpu'"


@dataclass(frozen=True, kw_only=True)
class Partition:
    """Every node of a graph in its place.

    Attributes
    ----------
    host
        Populations on the host: those of the first layers, which real values drive.
    chip
        Populations on the chip, which spikes drive.
    encoded
        Nodes with real values, equal in every step, that host neurons turn into spikes for the chip.
    folded
        Linear nodes between populations: they become the weights of the chip's connections.
    refused
        Node → why it cannot go, and what to do.
    """

    host: tuple[str, ...] = ()
    chip: tuple[str, ...] = ()
    encoded: tuple[str, ...] = ()
    folded: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> frozenset[str]:
        """Return every node that sends spikes."""
        return frozenset((*self.host, *self.chip, *self.encoded))


def is_population(graph: Graph) -> frozenset[str]:
    """Return the nodes that are neurons, or that become neurons when the graph is converted."""
    neurons = frozenset(n.name for n in graph.nodes.values() if sends_events(n.op))
    relus = (n.name for n in graph.nodes.values() if isinstance(n.op, Activation) and n.op.is_relu)
    return neurons or frozenset(relus)


def partition(graph: Graph) -> Partition:
    """Put every node in its place.

    The populations of the first layers stay on the host: real values drive them, and the chip takes spikes only. Where
    nothing would be left for the chip, because there is one hidden layer, that layer goes on the chip, and host
    neurons turn the values that it reads into spikes.
    """
    populations = is_population(graph)
    spiking = _behind(graph, populations)
    first = tuple(name for name in graph.nodes if name in populations and name not in spiking)
    later = tuple(name for name in graph.nodes if name in populations and name in spiking)
    alone = not later
    chip = first if alone else later
    leading = _before(graph, chip, populations)
    refused = {n: _why_not(graph.nodes[n]) for n in leading if n in spiking and not graph.nodes[n].op.linear}
    linear = {n for n in leading if graph.nodes[n].op.linear and not isinstance(graph.nodes[n].op, Input)}
    between = linear if alone else {*(linear & spiking), *refused}
    folded = _reaching(graph, between, chip).difference(refused)
    readers = {*folded, *chip}
    values = (name for name in graph.nodes if name not in spiking | populations | folded)
    encoded = tuple(name for name in values if any(reader in readers for reader in graph.consumers[name]))
    if not chip:
        output = next(n.name for n in graph.nodes.values() if isinstance(n.op, Output))
        refused[output] = _NOTHING_TO_DO
    return Partition(host=() if alone else first, chip=chip, encoded=encoded, folded=folded, refused=refused)


def _behind(graph: Graph, populations: frozenset[str]) -> frozenset[str]:
    """Return the nodes that read a population, directly or through others."""
    found: set[str] = set()
    for node in graph.nodes.values():
        if any(name in found or name in populations for name in node.inputs):
            found.add(node.name)
    return frozenset(found)


def _before(graph: Graph, chip: tuple[str, ...], populations: frozenset[str]) -> tuple[str, ...]:
    """Return the nodes whose values reach a population of the chip without another population between."""
    found: set[str] = set()
    stack = [name for target in chip for name in graph.nodes[target].inputs]
    while stack:
        name = stack.pop()
        if name not in found and name not in populations:
            found.add(name)
            stack.extend(graph.nodes[name].inputs)
    return tuple(name for name in graph.nodes if name in found)


def _reaching(graph: Graph, nodes: set[str] | frozenset[str], chip: tuple[str, ...]) -> frozenset[str]:
    """Return those of the nodes that reach a population of the chip through each other only."""
    found = set(chip)
    for name in reversed(tuple(graph.nodes)):
        if name in nodes and any(reader in found for reader in graph.consumers[name]):
            found.add(name)
    return frozenset(found.difference(chip))


def _why_not(node: Node) -> str:
    op = node.op.op if isinstance(node.op, AtEachStep) else node.op
    if isinstance(op, Cell):
        return f"a filter or integrator {_NO_COUNTERPART}: leave it out, or put it behind the last spikes, {_ELSEWHERE}"
    if isinstance(op, MaxPool):
        pooling = f"AveragePooling{len(op.pool_size)}D"
        return (
            f"the maximum of spike rates {_NO_COUNTERPART}: use {pooling} or a convolution with strides in its place, "
            f"trained anew, since these are weighted sums, {_ELSEWHERE}, where it is exact"
        )
    if isinstance(op, HostLayer):
        return f"{op.layer_type} is computed by Keras and {_NO_COUNTERPART}: move it behind the last ReLU, {_ELSEWHERE}"
    if isinstance(op, Multiply | Dot):
        return f"a product of spike rates {_NO_COUNTERPART}: use Add, {_ELSEWHERE}"
    if isinstance(op, Extremum):
        return f"the maximum or minimum of spike rates {_NO_COUNTERPART}: use Add or Average, {_ELSEWHERE}"
    if isinstance(op, Standardize | UnitLength):
        return f"a division by the sample's own figures {_NO_COUNTERPART}: use BatchNormalization, {_ELSEWHERE}"
    if isinstance(op, Activation):
        name = "a ReLU with a threshold" if op.function == "relu" else op.function
        return f"{name} {_NO_COUNTERPART}, which compute ReLU: train with ReLU, {_ELSEWHERE}"
    return f"{op.kind} {_NO_COUNTERPART}: move it behind the last ReLU, {_ELSEWHERE}"
