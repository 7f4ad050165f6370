"""From a graph to a nengo.Network: an Ensemble for each population, a Node for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from scipy import sparse

from ...converter.graph import Graph, Node
from ...converter.ops import (
    Add,
    Array,
    Concatenate,
    Conv,
    Dense,
    Input,
    Neurons,
    Op,
    Output,
    ScaleShift,
    Shape,
)
from ...converter.ops.window import same_padding
from ..sparse_map import sparse_map
from .neuron_type import SignedIntegrateAndFire

__all__ = ["NengoNetwork", "build_network"]


class Feed:
    """What an input Node puts out: the current sample, at every step."""

    def __init__(self, size: int) -> None:
        self.values = np.zeros(size)

    def __call__(self, t: float) -> Array:
        return self.values


@dataclass(frozen=True, eq=False, kw_only=True)
class NengoNetwork:
    """A built network with its handles.

    Attributes
    ----------
    feeds
        Input node → the `Feed` to put a flattened sample into.
    objects
        Graph node → the nengo Node or Neurons that stands for it.
    outputs
        Keras output name → probe of the current into the read-out.
    populations
        Neurons node → probe of its output.
    """

    network: nengo.Network
    feeds: Mapping[str, Feed]
    objects: Mapping[str, Any]
    outputs: Mapping[str, nengo.Probe]
    populations: Mapping[str, nengo.Probe]


def build_network(graph: Graph, *, dt: float, probed: Iterable[str] = ()) -> NengoNetwork:
    """Return the graph as a nengo.Network.

    All connections are same-step (``synapse=None``). Linear ops are transforms onto passthrough Nodes, non-linear ones
    Nodes with a function: the tensor nodes.

    Parameters
    ----------
    dt
        The simulator's step in seconds, which gain and amplitude depend on.
    probed
        The populations whose output to probe.
    """
    objects: dict[str, Any] = {}
    feeds: dict[str, Feed] = {}
    with nengo.Network(label="spikeport", seed=0) as network:
        for node in graph.nodes.values():
            size = math.prod(node.shape)
            if isinstance(node.op, Input):
                feeds[node.name] = Feed(size)
                objects[node.name] = nengo.Node(feeds[node.name], size_out=size, label=node.name)
            elif isinstance(node.op, Neurons):
                objects[node.name] = _population(node, node.op, objects[node.inputs[0]], dt)
            elif node.op.linear and not isinstance(node.op, Output):
                objects[node.name] = _linear(graph, node, objects)
            elif not isinstance(node.op, Output):
                objects[node.name] = _tensor_node(graph, node, objects)
        outputs = {
            name: nengo.Probe(objects[graph.nodes[place].inputs[0]], label=name)
            for name, place in graph.outputs.items()
        }
        populations = {name: nengo.Probe(objects[name], label=name) for name in probed}
    return NengoNetwork(network=network, feeds=feeds, objects=objects, outputs=outputs, populations=populations)


def _population(node: Node, op: Neurons, source: Any, dt: float) -> Any:
    threshold = op.threshold_of(node.shape)
    ensemble = nengo.Ensemble(
        n_neurons=len(threshold),
        dimensions=1,
        neuron_type=SignedIntegrateAndFire(
            amplitude=threshold * dt,
            n_min=op.n_min,
            n_max=op.n_max,
            initial_state={"voltage": nengo.dists.Choice([op.initial_voltage])},
        ),
        gain=1 / (threshold * dt),
        bias=np.zeros(len(threshold)),
        encoders=np.ones((len(threshold), 1)),  # unused: currents go to the neurons directly
        normalize_encoders=False,
        eval_points=np.zeros((1, 1)),
        label=node.name,
    )
    nengo.Connection(source, ensemble.neurons, synapse=None)
    return ensemble.neurons


def _linear(graph: Graph, node: Node, objects: Mapping[str, Any]) -> nengo.Node:
    target = nengo.Node(size_in=math.prod(node.shape), label=node.name)
    for place, name in enumerate(node.inputs):
        shape = graph.nodes[name].shape
        nengo.Connection(objects[name], target, transform=_transform(graph, node, place, shape), synapse=None)
    offset = _offset(graph, node)
    if offset.any():
        nengo.Connection(nengo.Node(offset, label=f"{node.name} bias"), target, synapse=None)
    return target


def _offset(graph: Graph, node: Node) -> Array:
    """Return what the op puts out for zeros, its bias, flattened."""
    zeros = (np.zeros((1, *graph.nodes[name].shape)) for name in node.inputs)
    return node.op.apply(*zeros).reshape(-1)


def _transform(graph: Graph, node: Node, place: int, shape: Shape) -> Any:
    op = node.op
    if isinstance(op, Dense):
        if len(shape) == 1:
            return op.kernel.T.astype(np.float64)
        rows = math.prod(shape[:-1])
        # the same kernel at each place: a convolution of window 1
        return _convolution(op.kernel[None].astype(np.float64), (rows, shape[-1]), (1,), "valid")
    if isinstance(op, Conv):
        return _conv_transform(op, shape)
    if isinstance(op, ScaleShift):
        return np.broadcast_to(op.scale.astype(np.float64), shape).reshape(-1)
    if isinstance(op, Add):
        return _add_transform(op, node.shape, place, shape)
    if isinstance(op, Concatenate):
        before = sum(graph.nodes[name].shape[op.axis] for name in node.inputs[:place])
        return _concatenate_transform(node.shape, op.axis, before, shape)
    return _sparse(op, shape)


def _sparse(op: Op, shape: Shape) -> nengo.Sparse:
    matrix = sparse_map(op, shape)
    return nengo.Sparse(matrix.shape, init=sparse.coo_matrix(matrix))


def _convolution(kernel: Array, shape: Shape, strides: Shape, padding: str) -> nengo.Convolution:
    return nengo.Convolution(
        n_filters=kernel.shape[-1],
        input_shape=shape,
        kernel_size=kernel.shape[:-2],
        strides=strides,
        padding=padding,
        init=kernel,
    )


def _conv_transform(op: Conv, shape: Shape) -> Any:
    """Return nengo's convolution where it can express the op (1-2D, its two paddings), else the sparse matrix."""
    rank = len(op.window)
    same = op.padding == same_padding(shape[:-1], op.window, op.strides, op.dilation)
    valid = not any(map(sum, op.padding))
    if rank <= 2 and op.groups == 1 and set(op.dilation) == {1} and (same or valid):
        return _convolution(op.kernel.astype(np.float64), shape, op.strides, "valid" if valid else "same")
    return _sparse(op, shape)


def _add_transform(op: Add, target: Shape, place: int, shape: Shape) -> Any:
    factor = op.factors[place] if op.factors else 1.0
    if shape == target:
        return factor
    full = (1,) * (len(target) - len(shape)) + shape
    source = np.broadcast_to(np.arange(math.prod(shape)).reshape(full), target).reshape(-1)
    return _picked(source, np.arange(len(source)), factor, (len(source), math.prod(shape)))


def _concatenate_transform(target: Shape, axis: int, before: int, shape: Shape) -> nengo.Sparse:
    rows = np.arange(math.prod(target)).reshape(target)
    part = tuple(slice(before, before + shape[axis]) if i == axis else slice(None) for i in range(len(target)))
    landed = rows[part].reshape(-1)
    return _picked(np.arange(len(landed)), landed, 1.0, (math.prod(target), math.prod(shape)))


def _picked(columns: Array, rows: Array, factor: float, shape: tuple[int, int]) -> nengo.Sparse:
    indices = np.stack([rows, columns], axis=1)
    return nengo.Sparse(shape, indices=indices, init=np.full(len(rows), factor))


def _tensor_node(graph: Graph, node: Node, objects: Mapping[str, Any]) -> nengo.Node:
    """Return a Node that applies a non-linear op in the rate domain."""
    shapes = [graph.nodes[name].shape for name in node.inputs]
    sizes = [math.prod(s) for s in shapes]
    step = rate_domain_step(node.op, shapes)
    target = nengo.Node(step, size_in=sum(sizes), size_out=math.prod(node.shape), label=node.name)
    start = 0
    for name, size in zip(node.inputs, sizes, strict=True):
        nengo.Connection(objects[name], target[start : start + size], synapse=None)
        start += size
    return target


def rate_domain_step(op: Op, shapes: list[Shape]) -> Callable[[float, Array], Array]:
    """Return a Node's function: ``out(t) = t·f(mean up to t) - (t-1)·f(mean up to t-1)``.

    It starts over at the first step of a run, which it knows by the time going back.
    """
    sizes = [math.prod(s) for s in shapes]
    state = {"time": np.inf, "step": 0}
    sums = np.zeros(sum(sizes))
    before: list[Array] = [np.zeros(1)]

    def step(t: float, x: Array) -> Array:
        if t <= state["time"]:
            state["step"], sums[:], before[0] = 0, 0.0, np.zeros(1)
        state["time"] = t
        state["step"] += 1
        sums[:] += x
        mean = sums / state["step"]
        parts = np.split(mean, np.cumsum(sizes)[:-1])
        value = op.apply(*(p.reshape(1, *s) for p, s in zip(parts, shapes, strict=True))).reshape(-1)
        total = value * state["step"]
        out = total - before[0]
        before[0] = total
        return out

    return step
