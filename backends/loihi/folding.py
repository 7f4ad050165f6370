"""From a graph to plain populations: one linear map from each source of spikes, and a constant current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...converter.graph import Graph, Node
from ...converter.ops import Add, Array, Cell, Concatenate, Neurons, Shape
from .linear_map import LinearMap, MatrixMap, TooLargeError, Volume, WindowMap, as_matrix, as_volume, total
from .op_map import moved, through
from .partition import Partition
from .too_large import why_too_large
from .trained_neurons import worth_of

__all__ = ["Folding", "Population", "fold"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Population:
    """Neurons that send spikes.

    Attributes
    ----------
    on_chip
        False: host neurons, driven by real values.
    encodes
        Host neurons that turn a node's values into spikes, positive and negative ones by neurons of their own.
    depth
        After how many steps its first spikes can answer a sample: 0 on the host, one more for each layer on the chip.
    maps
        Source → the linear map from what it sends to the current into these neurons, in activation units.
    current
        The constant part of that current, ``(rows, columns, channels)``: the biases on the way.
    scale
        The activation that each channel reaches, ``(channels,)``; None before calibration.
    """

    name: str
    shape: Volume
    on_chip: bool
    encodes: bool = False
    depth: int = 0
    maps: Mapping[str, LinearMap] = field(default_factory=dict)
    current: Array | None = None
    scale: Array | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Folding:
    """What folding a graph gave.

    Attributes
    ----------
    populations
        Name → population, each after its sources.
    too_large
        Node → why what it computes has more weights than a chip.
    unplaced
        Population → the node that it reads and that cannot go on the chip.
    """

    populations: Mapping[str, Population]
    too_large: Mapping[str, str] = field(default_factory=dict)
    unplaced: Mapping[str, str] = field(default_factory=dict)


_LEAST_SCALE = 0.05
"""The least scale of a channel, of the largest in its population.

The weights into a channel are in its own thresholds. Those of one that is hardly ever active would be so large that
8 bits, shared by all channels of a core, left the others none.
"""

_Maps = Mapping[str, LinearMap]


def fold(graph: Graph, parts: Partition) -> Folding:
    """Fold the linear nodes between populations into one map for each pair of them.

    Exact: the map plus the constant current is what the graph computes. Convolutions, pooling and all else that is a
    window moving over rows and columns stay one; the rest becomes a matrix.
    """
    maps: dict[str, _Maps] = {}
    constants: dict[str, Array] = {}
    found: dict[str, Population] = {}
    too_large: dict[str, str] = {}
    blocked = {name: name for name in parts.refused}
    for node in graph.nodes.values():
        name = node.name
        reason = next((blocked[i] for i in node.inputs if i in blocked and i not in parts.chip), None)
        if reason is not None and (name in parts.folded or name in parts.chip):
            blocked[name] = reason
        elif name in parts.folded:
            try:
                maps[name] = _folded(graph, node, maps)
                constants[name] = node.op.apply(*(constants[i] for i in node.inputs))
            except TooLargeError as error:
                too_large[name] = why_too_large(node, graph.input_of(node).shape, error)
                blocked[name] = name
        elif name in parts.sources:
            found[name] = _population(node, parts, maps, constants, found)
        if name in parts.sources:
            maps[name] = {name: WindowMap.identity(as_volume(node.shape))}
            constants[name] = np.zeros((1, *node.shape))
    unplaced = {name: blocked[name] for name in parts.chip if name not in found}
    return Folding(populations=found, too_large=too_large, unplaced=unplaced)


def _population(
    node: Node,
    parts: Partition,
    maps: Mapping[str, _Maps],
    constants: Mapping[str, Array],
    found: Mapping[str, Population],
) -> Population:
    shape = as_volume(node.shape)
    scale = None
    if isinstance(node.op, Cell) and node.op.fires:
        scale = np.broadcast_to(worth_of(node.op)[0], shape[2:])
    elif isinstance(node.op, Neurons):
        reached = node.op.scale.astype(np.float64).reshape(-1)
        scale = np.broadcast_to(np.maximum(reached, _LEAST_SCALE * reached.max()), shape[2:])
    if node.name not in parts.chip:
        return Population(name=node.name, shape=shape, on_chip=False, encodes=node.name in parts.encoded, scale=scale)
    (read,) = node.inputs
    sources = {source: _ending_in(shape, linear) for source, linear in maps[read].items()}
    depth = 1 + max((found[source].depth for source in sources if source in found), default=0)
    if isinstance(node.op, Cell) and node.op.recurrent is not None:  # its own spikes come back a step later
        sources[node.name] = _to_itself(shape, node.op.recurrent)
    return Population(
        name=node.name,
        shape=shape,
        on_chip=True,
        depth=depth,
        maps=sources,
        current=constants[read].reshape(shape),
        scale=scale,
    )


def _to_itself(shape: Volume, recurrent: Array) -> LinearMap:
    """Return recurrent weights as a map: each place of a map of several hears its own channels."""
    weights = np.kron(np.eye(shape[0] * shape[1]), recurrent.astype(np.float64))
    return MatrixMap(weights=weights, input_shape=shape, output_shape=shape).compact()


def _folded(graph: Graph, node: Node, maps: Mapping[str, _Maps]) -> _Maps:
    """Return the maps from every source to the output of a linear node."""
    op = node.op
    shapes = [graph.nodes[name].shape for name in node.inputs]
    if isinstance(op, Add):
        factors = op.factors or (1.0,) * len(shapes)
        parts = [
            {s: _broadcast(m, shape, node.shape).scaled(factor) for s, m in maps[name].items()}
            for name, shape, factor in zip(node.inputs, shapes, factors)
        ]
    elif isinstance(op, Concatenate):
        parts = [
            {s: _placed(m, op, place, shapes, node.shape) for s, m in maps[name].items()}
            for place, name in enumerate(node.inputs)
        ]
    else:
        (name,) = node.inputs
        return {s: through(op, m, shapes[0], node.shape) for s, m in maps[name].items()}
    sources = dict.fromkeys(source for part in parts for source in part)
    return {source: total([part[source] for part in parts if source in part]) for source in sources}


def _broadcast(linear: LinearMap, shape: Shape, output_shape: Shape) -> LinearMap:
    """Return the map with its output repeated along the axes that a sum broadcasts."""
    if shape == output_shape:
        return linear
    aligned = np.arange(math.prod(shape)).reshape((1,) * (len(output_shape) - len(shape)) + shape)
    return moved(linear, np.broadcast_to(aligned, output_shape).reshape(-1), output_shape)


def _placed(linear: LinearMap, op: Concatenate, place: int, shapes: list[Shape], output_shape: Shape) -> LinearMap:
    """Return the map into its part of the concatenated values, with nothing for the others."""
    shape = shapes[place]
    start = sum(s[op.axis] for s in shapes[:place])
    last = op.axis == len(output_shape) - 1
    if last and isinstance(linear, WindowMap) and linear.output_shape == as_volume(shape):
        return linear.into(output_shape[-1], start)
    source = np.full(output_shape, -1)
    part = tuple(slice(start, start + n) if axis == op.axis else slice(None) for axis, n in enumerate(shape))
    source[part] = np.arange(math.prod(shape)).reshape(shape)
    return moved(linear, source.reshape(-1), output_shape)


def _ending_in(shape: Volume, linear: LinearMap) -> LinearMap:
    """Return the map with the population's own rows, columns and channels as its output."""
    if linear.output_shape == shape:
        return linear if isinstance(linear, WindowMap) else linear.compact()
    weights = as_matrix(linear).weights  # a ReLU behind a Flatten: its channels are no longer those of the window
    return MatrixMap(weights=weights, input_shape=linear.input_shape, output_shape=shape).compact()
