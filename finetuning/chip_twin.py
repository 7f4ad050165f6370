"""The chip's network as a graph of ops: its neurons in floating point, and how far apart its weights lie.

What Loihi's neurons do is a variant of `Neurons`: a reset to zero, a bound below. With what a spike is worth behind
each population, the graph puts out what the chip would without rounding; delays only shift it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backends.keras.rounded import WeightGrid
from ..backends.loihi.analog import evaluate_from
from ..backends.loihi.partition import Partition, partition
from ..backends.loihi.quantisation import LEVELS, weight_steps
from ..backends.loihi.scaling import Scaled, ScaledHost, ScaledPopulation
from ..backends.loihi.twin import MIN_VOLTAGE
from ..converter.graph import Graph, Node
from ..converter.ops import Add, Array, Conv, Dense, Neurons, ScaleShift

__all__ = ["ChipTwin", "chip_twin", "untwinned"]

_WORTH = " worth"  # ends the name of the node behind a population of the chip
_POSITIVE, _NEGATIVE, _SENT = " positive", " negative", " sent"


@dataclass(frozen=True, eq=False, kw_only=True)
class ChipTwin:
    """A graph that puts out what the chip does, but for the rounding of its weights.

    Attributes
    ----------
    grids
        Node → how far apart the weights of its kernel lie on the chip, in the kernel's own units.
    given
        Nodes that are no part of the network that is trained: what a spike is worth, and the host's encoders.
    """

    graph: Graph
    grids: Mapping[str, WeightGrid]
    given: frozenset[str]


def chip_twin(graph: Graph, scaled: Mapping[str, Scaled]) -> ChipTwin:
    """Return the twin of a graph.

    Parameters
    ----------
    scaled
        What `LoihiDeployment.scaled` makes of the graph.
    """
    parts = partition(graph)
    onto_chip = {*parts.folded, *parts.chip}
    reads = {name: name + _WORTH for name in parts.chip}
    sent = {name: name + _SENT for name in parts.encoded}
    nodes: list[Node] = []
    for node in graph.nodes.values():
        renamed = {**reads, **sent} if node.name in onto_chip else reads
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        nodes += _twinned(replace(node, inputs=inputs), scaled.get(node.name))
    twin = Graph.build(nodes, graph.outputs)
    grids = dict(_grids(graph, parts, scaled))
    return ChipTwin(graph=twin, grids=grids, given=frozenset(twin.nodes).difference(graph.nodes))


def untwinned(graph: Graph, twin: Graph) -> Graph:
    """Return a graph with the weights and thresholds of its trained twin.

    A threshold that has grown in training stands for an activation that has; so the scale, from which the chip's
    threshold follows, grows with it.
    """
    changed = []
    for node in graph.nodes.values():
        op = twin.nodes[node.name].op
        if isinstance(node.op, Neurons) and isinstance(op, Neurons):
            grown = (op.threshold / op.scale).astype(np.float32)  # the twin's scale is the threshold before training
            op = replace(node.op, threshold=node.op.threshold * grown, scale=node.op.scale * grown)
        changed.append(replace(node, op=op))
    return graph.rewritten(changed)


def _twinned(node: Node, scaled: Scaled | None) -> Iterator[Node]:
    """Yield what stands for a node: itself, neurons of the host or of the chip, or a node and its encoder."""
    if scaled is None:
        yield node
    elif isinstance(scaled, ScaledPopulation):
        yield replace(node, op=_neurons(scaled.threshold, reset="zero", v_min=MIN_VOLTAGE))
        worth = ScaleShift(scale=_float32(scaled.worth / scaled.threshold), shift=_float32(scaled.offset))
        yield Node(name=node.name + _WORTH, op=worth, inputs=(node.name,))
    elif not scaled.population.encodes:
        yield replace(node, op=_neurons(scaled.worth))
    else:
        yield node
        yield from _encoder(node.name, scaled)


def _encoder(name: str, host: ScaledHost) -> Iterator[Node]:
    """Yield the host's neurons that send a node's values, and a second set for the negative ones."""
    neurons = _neurons(host.worth)
    if not host.signed:
        yield Node(name=name + _SENT, op=neurons, inputs=(name,))
        return
    turned = ScaleShift(scale=np.full(1, -1, np.float32), shift=np.zeros(1, np.float32))
    yield Node(name=name + _POSITIVE, op=neurons, inputs=(name,))
    yield Node(name=name + _NEGATIVE, op=turned, inputs=(name,))
    yield Node(name=name + _NEGATIVE + _SENT, op=neurons, inputs=(name + _NEGATIVE,))
    both = (name + _POSITIVE, name + _NEGATIVE + _SENT)
    yield Node(name=name + _SENT, op=Add(factors=(1.0, -1.0)), inputs=both)


def _neurons(threshold: Array, **variant: Any) -> Neurons:
    theta = _float32(threshold)
    return Neurons(threshold=theta, scale=theta.copy(), **variant)


def _float32(value: Array) -> Array:
    return np.asarray(value, np.float32)


def _grids(graph: Graph, parts: Partition, scaled: Mapping[str, Scaled]) -> Iterator[tuple[str, WeightGrid]]:
    """Yield the grid of each kernel that alone leads into a population of the chip.

    Two kernels one behind the other are one on the chip; those are trained without rounding.
    """
    found: dict[str, list[Array]] = {}
    worths = {name: np.broadcast_to(s.worth, graph.nodes[name].shape) for name, s in scaled.items()}
    for name in parts.chip:
        population = scaled[name]
        kernels = _kernels_before(graph, name, parts)
        if len(kernels) == 1 and isinstance(population, ScaledPopulation):
            found.setdefault(kernels[0], []).append(_grid(graph, graph.nodes[kernels[0]], population, worths))
    for name, grids in found.items():
        yield name, WeightGrid(step=_float32(np.max(grids, axis=0)), levels=LEVELS)


def _kernels_before(graph: Graph, name: str, parts: Partition) -> list[str]:
    found: list[str] = []
    stack = list(graph.nodes[name].inputs)
    while stack:
        name = stack.pop()
        if name in parts.folded and name not in found:
            found.append(name)
            stack.extend(graph.nodes[name].inputs)
    return [name for name in found if isinstance(graph.nodes[name].op, Conv | Dense)]


def _grid(graph: Graph, node: Node, population: ScaledPopulation, worths: Mapping[str, Array]) -> Array:
    op = node.op
    if not isinstance(op, Conv | Dense):
        raise TypeError(f"{node.name}: expected an op with a kernel, received {op.kind}")
    into = 1 / population.threshold
    if len(into) != op.kernel.shape[-1]:  # another op between moves the channels
        into = np.full(op.kernel.shape[-1], into.max())
    per_weight = _worth_of_inputs(graph, node, worths) * into  # thresholds for each unit of a weight
    own = float(np.abs(op.kernel * per_weight).max())
    share = population.largest / own if own else 1.0  # of a weight, where a mean of several is taken
    steps = weight_steps(population)
    steps = steps if len(steps) == op.kernel.shape[-1] else np.full(op.kernel.shape[-1], steps.max())
    return np.asarray(np.maximum(steps, 1e-12) / (share * np.maximum(per_weight, 1e-12)))


def _worth_of_inputs(graph: Graph, node: Node, worths: Mapping[str, Array]) -> Array:
    """Return what a spike behind each input channel of a kernel is worth, as the kernel's last two axes."""
    (read,) = node.inputs
    known = {name: worth[None].astype(np.float32) for name, worth in worths.items()}
    silent = {name: np.zeros_like(worth) for name, worth in known.items()}
    reached = (evaluate_from(graph, values, (read,))[read][0] for values in (known, silent))
    with_spikes, without = reached
    channels = np.abs(with_spikes - without).reshape(-1, with_spikes.shape[-1]).max(axis=0)
    groups = node.op.groups if isinstance(node.op, Conv) else 1
    outputs = getattr(node.op, "kernel").shape[-1]  # noqa: B009 - both ops that come here have one
    return np.repeat(channels.reshape(groups, -1).T, outputs // groups, axis=1)
