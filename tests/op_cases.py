"""Every kind of op, each with arguments that are not its defaults, and a network around it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import (
    Activation,
    Add,
    AtEachStep,
    AvgPool,
    AxisMap,
    Cell,
    Concatenate,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Dot,
    Extremum,
    Gather,
    HostLayer,
    Identity,
    Input,
    LocallyConnected,
    MaxPool,
    Multiply,
    Neurons,
    Output,
    OverTime,
    Pad,
    Permute,
    PReLU,
    Reduce,
    Reshape,
    ScaleShift,
    Slice,
    Standardize,
    UnitLength,
    Upsample,
)

RNG = np.random.default_rng(3)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def neurons(**arguments: Any) -> Neurons:
    return Neurons(threshold=np.array([0.5, 0.7], np.float32), scale=np.array([0.6, 0.9], np.float32), **arguments)


# Every kind of op, each with arguments that are not its defaults: op, then the shapes of its inputs
CASES = [
    (Activation(function="relu", arguments={"negative_slope": 0.1, "max_value": None}), [(3,)]),
    (Add(factors=(0.5, -1.0)), [(3,), (3,)]),
    (AvgPool(pool_size=(2, 3), strides=(1, 2), padding=((1, 0), (0, 1))), [(5, 6, 2)]),
    (AtEachStep(op=Activation(function="tanh")), [(3, 2)]),
    (
        Cell(
            decay=np.array([0.5, 0.9], np.float32),
            threshold=np.array([0.7, 1.1], np.float32),
            gain=np.ones(1, np.float32),
            synapse_decay=np.array([0.3, 0.4], np.float32),
            recurrent=floats(2, 2),
            initial_voltage=0.2,
            reset="zero",
            v_min=-1.0,
            refractory=1,
            adapting=np.array([0.1, 0.2], np.float32),
            adaptation_gain=0.5,
            adaptation_loss=0.1,
        ),
        [(3, 2)],
    ),
    (
        Cell(
            decay=np.array([0.5, 0.9], np.float32),
            gain=np.array([0.2, 0.3], np.float32),
            synapse_decay=np.array([0.5, 0.9], np.float32),
            initial_voltage=floats(2),
            initial_current=floats(2),
            current_share=floats(2),
        ),
        [(3, 2)],
    ),
    (AxisMap(matrices=(floats(4, 3), floats(2, 5))), [(3, 5, 2)]),
    (Concatenate(axis=1), [(2, 3), (2, 1)]),
    (
        Conv(
            kernel=floats(3, 2, 2, 4),
            bias=floats(4),
            strides=(1, 2),
            dilation=(2, 1),
            padding=((1, 1), (0, 1)),
            groups=2,
        ),
        [(7, 6, 4)],
    ),
    (Conv(kernel=floats(3, 2, 4), strides=(1,), dilation=(1,), padding=((0, 0),)), [(7, 2)]),
    (
        ConvTranspose(
            kernel=floats(3, 2, 5, 2), bias=floats(5), strides=(2, 1), dilation=(1, 2), before=(1, 0), size=(6, 6)
        ),
        [(3, 4, 2)],
    ),
    (Crop(cropping=((1, 0), (0, 2))), [(3, 5)]),
    (Dense(kernel=floats(3, 2), bias=floats(2)), [(4, 3)]),
    (
        HostLayer(
            layer_type="Attention",
            config={"use_scale": True, "score_mode": "dot"},
            weights={"scale": floats(1)},
            input_shapes=((3, 2), (4, 2)),
            shape=(3, 2),
        ),
        [(3, 2), (4, 2)],
    ),
    (Dot(axes=(1, 0), normalized=True), [(2, 3), (3, 4)]),
    (Extremum(largest=False), [(3,), (3,)]),
    (Gather(table=floats(5, 2)), [(3,)]),
    (LocallyConnected(kernel=floats(4, 6, 2), bias=floats(4, 2), window=(2,), strides=(1,)), [(5, 3)]),
    (OverTime(op=Dense(kernel=floats(3, 2), bias=floats(2))), [(4, 5, 3)]),
    (PReLU(alpha=floats(1, 2)), [(3, 2)]),
    (Standardize(axes=(0, 1), epsilon=1e-3, scale=floats(4), shift=floats(4), groups=2, centred=False), [(3, 4)]),
    (UnitLength(axes=(1,)), [(3, 2)]),
    (Identity(), [(3, 2)]),
    (MaxPool(pool_size=(2,), strides=(2,), padding=((0, 1),), gate=True), [(5, 2)]),
    (Multiply(), [(3,), (3,)]),
    (neurons(initial_voltage=0.25, n_min=-1, n_max=3), [(3, 2)]),
    (neurons(initial_voltage=floats(3, 2), correction=floats(2)), [(3, 2)]),
    (neurons(reset="zero", v_min=-1.0, tau_rc=0.02, tau_ref=0.002, tau_n=1.0, inc_n=0.01, noise="poisson"), [(2,)]),
    (neurons(), [(2,)]),
    (Pad(padding=((0, 1), (2, 0))), [(3, 5)]),
    (Permute(order=(2, 0, 1)), [(2, 3, 4)]),
    (Reduce(axes=(0, 2), keepdims=True, how="max"), [(2, 3, 4)]),
    (Slice(slices=((None, None, -1), (1, 3, 1))), [(2, 3)]),
    (Reshape(shape=(6, 4)), [(2, 3, 4)]),
    (ScaleShift(scale=floats(2), shift=floats(2)), [(3, 2)]),
    (Upsample(size=(2, 1, 3)), [(2, 3, 4)]),
]


def graph_of(op: Any, shapes: list[tuple[int, ...]]) -> Graph:
    """Inputs, a population behind each, the op, and a softmax read-out."""
    nodes = []
    for i, shape in enumerate(shapes):
        one = np.ones(1, np.float32)
        nodes.append(Node(name=f"in{i}", op=Input(shape=shape), layers=(f"layer{i}",)))
        nodes.append(Node(name=f"spikes{i}", op=Neurons(threshold=one / 3, scale=one), inputs=(f"in{i}",)))
    nodes.append(Node(name="op", op=op, inputs=tuple(f"spikes{i}" for i in range(len(shapes))), layers=("a", "b/c")))
    read_out = Output(function="softmax", arguments={"axis": -1})
    return Graph.build([*nodes, Node(name="output:op", op=read_out, inputs=("op",))], {"op": "output:op"})
