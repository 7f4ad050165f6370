"""From a graph to a nengo.Network: an Ensemble for each population, a Node for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.synapses import Synapse

from ...converter.graph import Graph, Node
from ...converter.ops import Array, AtEachStep, Cell, Identity, Input, Neurons, Output, Reshape, is_gate
from .neuron_type import SignedIntegrateAndFire
from .ops import CustomObject, NengoNeurons
from .tensor_node import CellStep, GateStep, InstantStep, RateDomainStep
from .transforms import offset, transform
from .variant_neurons import VariantNeurons

__all__ = ["Feed", "NengoNetwork", "build_network", "connect", "population", "synapse_from"]


class Feed:
    """What an input Node puts out: the currents of one sample, step by step, the last of them from then on.

    It starts over at the first step of a run, which it knows by the time going back.

    Attributes
    ----------
    currents
        ``(steps, size)``; one step for a constant.
    """

    def __init__(self, size: int) -> None:
        self.currents = np.zeros((1, size))
        self._time = np.inf
        self._step = 0

    def __call__(self, t: float) -> Array:
        self._step = 0 if t <= self._time else self._step + 1
        self._time = t
        return np.asarray(self.currents[min(self._step, len(self.currents) - 1)])


@dataclass(frozen=True, eq=False, kw_only=True)
class NengoNetwork:
    """A built network with its handles.

    Attributes
    ----------
    feeds
        Input node → the output of its nengo Node: the `Feed` to put a sample's currents into.
    objects
        Graph node → the nengo Node or Neurons that stands for it.
    outputs
        Keras output name → probe of the current into the read-out.
    populations
        Neurons node → probe of its output.
    """

    network: nengo.Network
    feeds: Mapping[str, Any]
    objects: Mapping[str, Any]
    outputs: Mapping[str, nengo.Probe]
    populations: Mapping[str, nengo.Probe]


def build_network(
    graph: Graph,
    *,
    dt: float = 0.001,
    probed: Iterable[str] = (),
    synapse: Synapse | None = None,
    feed: Callable[[int], Any] = Feed,
    tensor_step: type[InstantStep] = RateDomainStep,
) -> NengoNetwork:
    """Return the graph as a nengo.Network.

    Linear ops are transforms onto passthrough Nodes, non-linear ones Nodes with a function: the tensor nodes. What only
    reshapes has no object of its own.

    Parameters
    ----------
    dt
        The simulator's step in seconds, which gain and amplitude of spikeport's own populations depend on.
    probed
        The populations whose output to probe.
    synapse
        On every connection from neurons and every output that is one; None connects within the step.
    feed
        Makes the output of an input Node from its size.
    tensor_step
        How tensor nodes act.
    """
    objects: dict[str, Any] = {}
    feeds: dict[str, Any] = {}
    fused = _fused_into_neurons(graph)
    without_node = {source.name for source in fused.values()}
    with nengo.Network(label="spikeport", seed=0) as network:
        for node in graph.nodes.values():
            size = math.prod(node.shape)
            if isinstance(node.op, Output) or node.name in without_node:
                continue
            if isinstance(node.op, Input):
                feeds[node.name] = feed(size)
                objects[node.name] = nengo.Node(feeds[node.name], size_out=size, label=node.name)
            elif isinstance(node.op, (Identity, Reshape)):
                objects[node.name] = objects[node.inputs[0]]
            elif isinstance(node.op, Neurons):
                objects[node.name] = _population(node, node.op, objects[node.inputs[0]], dt)
            elif isinstance(node.op, NengoNeurons):
                source = fused.get(node.name)
                objects[node.name] = _nengo_population(graph, node, node.op, source, objects, synapse)
            elif isinstance(node.op, CustomObject):
                objects[node.name] = node.op.make([objects[name] for name in node.inputs])
            elif node.op.linear:
                objects[node.name] = _linear(graph, node, objects, synapse)
            else:
                objects[node.name] = _tensor_node(graph, node, objects, synapse, tensor_step)
        outputs = {}
        for name, place in graph.outputs.items():
            target = objects[graph.nodes[place].inputs[0]]
            outputs[name] = nengo.Probe(target, synapse=synapse_from(target, synapse), label=name)
        populations = {name: nengo.Probe(objects[name], label=name) for name in probed}
    return NengoNetwork(network=network, feeds=feeds, objects=objects, outputs=outputs, populations=populations)


def synapse_from(source: Any, synapse: Synapse | None) -> Synapse | None:
    """Return the synapse on what leaves an object: the given one for neurons, none for Nodes."""
    return synapse if isinstance(source, nengo.ensemble.Neurons) else None


def connect(source: Any, target: Any, synapse: Synapse | None, **arguments: Any) -> nengo.Connection:
    """Connect two objects, within the step unless the source is neurons with a synapse."""
    return nengo.Connection(source, target, synapse=synapse_from(source, synapse), **arguments)


def _fused_into_neurons(graph: Graph) -> dict[str, Node]:
    """Return, by the name of the neurons, the linear nodes that need no Node of their own.

    They are those that only the neurons of the same layer read: a Dense with its activation becomes one Connection.
    """
    fused = {}
    for node in graph.nodes.values():
        if isinstance(node.op, NengoNeurons):
            source = graph.input_of(node)
            movable = source.op.linear and not isinstance(source.op, (Input, Identity, Reshape))
            if movable and source.layers == node.layers and graph.only_consumer(source) is node:
                fused[node.name] = source
    return fused


def _population(node: Node, op: Neurons, source: Any, dt: float) -> Any:
    threshold = op.threshold_of(node.shape)
    neuron_type: nengo.neurons.NeuronType
    start = {"voltage": op.voltage_of(node.shape)}
    if op.plain:
        neuron_type = SignedIntegrateAndFire(threshold * dt, op.n_min, op.n_max, initial_state=start)
    else:
        neuron_type = VariantNeurons(op, threshold * dt, initial_state=start)
    gain = 1 / (threshold * dt)
    neurons = population(neuron_type, gain, gain * op.correction_of(node.shape), node.name)
    nengo.Connection(source, neurons, synapse=None)
    return neurons


def _nengo_population(
    graph: Graph, node: Node, op: NengoNeurons, fused: Node | None, objects: Mapping[str, Any], synapse: Synapse | None
) -> Any:
    """Return neurons of any type; the bias of the linear op before them is on the Ensemble."""
    gain = np.full(math.prod(node.shape), float(op.gain))
    if fused is None:
        neurons = population(op.neuron_type, gain, np.zeros(len(gain)), node.name)
        connect(objects[node.inputs[0]], neurons, synapse)
        return neurons
    neurons = population(op.neuron_type, gain, gain * offset(graph, fused), node.name)
    for place, name in enumerate(fused.inputs):
        connect(objects[name], neurons, synapse, transform=transform(graph, fused, place))
    return neurons


def population(neuron_type: nengo.neurons.NeuronType, gain: Array, bias: Array, label: str) -> Any:
    """Return the neurons of an Ensemble that encodes nothing: currents go to its neurons directly."""
    return nengo.Ensemble(
        n_neurons=len(gain),
        dimensions=1,
        neuron_type=neuron_type,
        gain=gain,
        bias=bias,
        encoders=np.ones((len(gain), 1)),
        normalize_encoders=False,
        eval_points=np.zeros((1, 1)),
        label=label,
    ).neurons


def _linear(graph: Graph, node: Node, objects: Mapping[str, Any], synapse: Synapse | None) -> nengo.Node:
    target = nengo.Node(size_in=math.prod(node.shape), label=node.name)
    for place, name in enumerate(node.inputs):
        connect(objects[name], target, synapse, transform=transform(graph, node, place))
    bias = offset(graph, node)
    if bias.any():
        nengo.Connection(nengo.Node(bias, label=f"{node.name} bias"), target, synapse=None)
    return target


def _tensor_node(
    graph: Graph, node: Node, objects: Mapping[str, Any], synapse: Synapse | None, tensor_step: type[InstantStep]
) -> nengo.Node:
    shapes = [graph.nodes[name].shape for name in node.inputs]
    sizes = [math.prod(s) for s in shapes]
    step: Callable[[float, Array], Array]
    if isinstance(node.op, Cell):
        step = CellStep(node.op, node.shape)
    elif isinstance(node.op, AtEachStep):
        step = InstantStep(node.op, shapes)
    else:
        step = (GateStep if is_gate(node.op) else tensor_step)(node.op, shapes)
    target = nengo.Node(step, size_in=sum(sizes), size_out=math.prod(node.shape), label=node.name)
    start = 0
    for name, size in zip(node.inputs, sizes, strict=True):
        connect(objects[name], target[start : start + size], synapse)
        start += size
    return target
