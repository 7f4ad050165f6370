"""What the loihi backend says before anything is built: what goes where, what cannot go and why, what is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from spikeport.backends.contract import Backend
from spikeport.backends.loihi import backend as module
from spikeport.backends.loihi.backend import LoihiBackend
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import (
    Activation,
    Add,
    AvgPool,
    Conv,
    Dense,
    HostLayer,
    Input,
    MaxPool,
    Multiply,
    Neurons,
    Op,
    Output,
    Reshape,
)
from spikeport.errors import BackendError, UsageError

ONE = np.ones(1, np.float32)
SPIKING = Neurons(threshold=ONE, scale=ONE)
RELU = Activation(function="relu")


def conv(*kernel: int) -> Conv:
    weights = np.random.default_rng(0).normal(size=kernel).astype(np.float32)
    return Conv(kernel=weights, strides=(1, 1), dilation=(1, 1), padding=((0, 0), (0, 0)))


def dense(inputs: int, units: int) -> Dense:
    return Dense(kernel=np.random.default_rng(1).normal(size=(inputs, units)).astype(np.float32))


def pool(kind: type[AvgPool] | type[MaxPool]) -> Op:
    return kind(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))


def network(build: Any, neurons: Op = SPIKING, between: Op | None = None) -> Any:
    """Return conv → relu1 → pool → conv → relu2 → (an op) → dense → relu3 → dense."""
    return build(
        (12, 12, 1),
        "softmax",
        conv1=conv(3, 3, 1, 4),
        relu1=neurons,
        pool=pool(AvgPool),
        conv2=conv(2, 2, 4, 8),
        relu2=neurons,
        **({"between": between} if between else {}),
        flat=Reshape(shape=(128 if not isinstance(between, MaxPool) else 32,)),
        dense1=dense(128 if not isinstance(between, MaxPool) else 32, 10),
        relu3=neurons,
        dense2=dense(10, 5),
    )


def where(graph: Graph) -> dict[str, str]:
    return {verdict.node: verdict.where for verdict in LoihiBackend().check(graph)}


@pytest.mark.parametrize("neurons", [SPIKING, RELU], ids=["converted", "not yet converted"])
def test_every_node_has_its_place(build: Any, neurons: Op) -> None:
    assert where(network(build, neurons)) == {
        "x": "host",
        "conv1": "host",
        "relu1": "host",
        "pool": "folded",
        "conv2": "folded",
        "relu2": "neurons",
        "flat": "folded",
        "dense1": "folded",
        "relu3": "neurons",
        "dense2": "host",
        "y": "host",
    }


def test_a_population_on_the_chip_says_what_it_takes(build: Any) -> None:
    verdicts = {v.node: v for v in LoihiBackend().check(network(build))}
    assert verdicts["relu2"].why.startswith("on the chip: 1 core of 4 × 4 × 8 neurons; compartments 128 of 1,024")
    assert verdicts["relu1"].why.startswith("400 neurons on the host")
    assert verdicts["relu2"].layers == ("keras_relu2",)


HOST_LAYER = HostLayer(layer_type="LayerNormalization", input_shapes=((4, 4, 8),), shape=(4, 4, 8))
REFUSALS = [
    pytest.param(
        pool(MaxPool),
        "the maximum of spike rates .* use AveragePooling2D or a convolution with strides .*, or run with backend=",
        id="max",
    ),
    pytest.param(Activation(function="tanh"), "tanh has no counterpart .* train with ReLU, or run with", id="tanh"),
    pytest.param(
        HOST_LAYER, "LayerNormalization is computed by Keras .* move it behind the last ReLU", id="host layer"
    ),
]


@pytest.mark.parametrize(("between", "why"), REFUSALS)
def test_a_refusal_says_why_and_what_to_do(build: Any, between: Op, why: str) -> None:
    graph = network(build, between=between)
    (refused,) = [v for v in LoihiBackend().check(graph) if v.refused]
    assert refused.node == "between"
    with pytest.raises(BackendError, match=rf"^the network does not go on Loihi: between: {why}"):
        LoihiBackend().deploy(graph)
    verdicts = {v.node: v for v in LoihiBackend().check(graph)}
    assert verdicts["relu3"].why == "on the chip, if it did not read between"
    assert [verdicts[name].where for name in ("conv2", "relu2", "flat", "dense1")] == [
        "folded",
        "neurons",
        "folded",
        "folded",
    ]


def test_all_refusals_come_in_one_message(build: Any) -> None:
    graph = build(
        (8,),
        relu1=SPIKING,
        tanh=Activation(function="tanh"),
        dense=dense(8, 4),
        relu2=SPIKING,
        product=(Multiply(), "relu2", "dense"),
        relu3=SPIKING,
    )
    with pytest.raises(BackendError, match=r"tanh: tanh has no .*; product: a product of spike rates .* use Add"):
        LoihiBackend().deploy(graph)


def test_a_layer_with_too_many_inputs_is_refused_with_the_numbers(build: Any) -> None:
    graph = build((5000,), relu1=SPIKING, dense=dense(5000, 10), relu2=SPIKING)
    (refused,) = [v for v in LoihiBackend().check(graph) if v.refused]
    assert refused.node == "relu2"
    assert refused.why.startswith("needs 5,001 input axons on one core, which holds 4,096: give the layer fewer")
    assert refused.why.endswith("or run with backend='cpu'")


def test_a_dense_layer_behind_a_large_map_goes_as_a_convolution(build: Any) -> None:
    graph = build((20, 20, 16), relu1=SPIKING, flat=Reshape(shape=(6400,)), dense=dense(6400, 8), relu2=SPIKING)
    verdicts = {v.node: v for v in LoihiBackend().check(graph)}
    assert verdicts["relu2"].where == "neurons"  # 6,400 inputs, but 400 pixels


def test_a_network_without_relu_is_refused(build: Any) -> None:
    (refused,) = [v for v in LoihiBackend().check(build((4,), dense=dense(4, 2))) if v.refused]
    assert (refused.node, refused.why[:30]) == ("y", "the network has no ReLU layer,")


def test_with_one_hidden_layer_the_input_is_encoded(build: Any) -> None:
    graph = build((6,), dense=dense(6, 4), relu=SPIKING, out=dense(4, 2))
    assert where(graph) == {"x": "host", "dense": "folded", "relu": "neurons", "out": "host", "y": "host"}
    assert next(v for v in LoihiBackend().check(graph) if v.node == "x").why.startswith("6 neurons on the host turn")


def test_what_is_behind_the_last_neurons_stays_on_the_host(build: Any) -> None:
    graph = build(
        (8, 8, 1), conv=conv(3, 3, 1, 2), relu=SPIKING, conv2=conv(3, 3, 2, 2), relu2=SPIKING, top=pool(MaxPool)
    )
    assert where(graph)["top"] == "host"


def test_real_values_that_join_spikes_are_encoded() -> None:
    nodes = [
        Node(name="x", op=Input(shape=(6,))),
        Node(name="dense1", op=dense(6, 5), inputs=("x",)),
        Node(name="relu1", op=SPIKING, inputs=("dense1",)),
        Node(name="dense2", op=dense(5, 4), inputs=("relu1",)),
        Node(name="skip", op=dense(6, 4), inputs=("x",)),
        Node(name="add", op=Add(), inputs=("dense2", "skip")),
        Node(name="relu2", op=SPIKING, inputs=("add",)),
        Node(name="y", op=Output(), inputs=("relu2",)),
    ]
    graph = Graph.build(nodes, {"y": "y"})
    verdicts = {v.node: v for v in LoihiBackend().check(graph)}
    assert verdicts["skip"].why.startswith("4 neurons on the host turn its values into spikes")
    assert (verdicts["add"].where, verdicts["relu2"].where) == ("folded", "neurons")


def test_the_thresholds_of_the_graded_preset_do_not_matter(build: Any) -> None:
    graded = Neurons(threshold=3 * ONE, scale=ONE, n_min=-1, n_max=4)
    said = [[(v.node, v.where, v.why) for v in LoihiBackend().check(network(build, op))] for op in (graded, SPIKING)]
    told = "; the chip's own neuron, which sends one spike a step at most, stands in for graded ones"
    on_chip = [why.startswith("on the chip") for _, _, why in said[1]]
    assert any(on_chip)
    for (node, where, why), expected, chip in zip(said[0], said[1], on_chip, strict=True):
        assert (node, where, why) == (expected[0], expected[1], expected[2] + (told if chip else ""))


def test_is_a_backend() -> None:
    backend: Backend = LoihiBackend()
    assert (backend.name, backend.neurons, backend.least_steps) == ("loihi", "binary", 32)


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, build: Any) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert LoihiBackend().available() == "nengo-loihi is not installed: pip install 'spikeport[loihi]'"
    with pytest.raises(BackendError, match=r"pip install 'spikeport\[loihi\]'"):
        LoihiBackend().deploy(network(build))


def test_hardware_needs_nxsdk(monkeypatch: pytest.MonkeyPatch, build: Any) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "nxsdk" else name)
    with pytest.raises(BackendError, match=r"NxSDK .* not installed here\. Use target='sim'"):
        LoihiBackend().deploy(network(build), target="loihi")


MISUSES = [
    pytest.param(
        {"traget": "sim"},
        "takes the options target, .* and hardware_options, received traget",
        id="unknown",
    ),
    pytest.param({"n_jobs": 0}, "takes a whole number from 1 as n_jobs, received 0", id="threads"),
    pytest.param({"target": "simreal"}, "expected target='sim', .* or target='loihi', received 'simreal'", id="target"),
    pytest.param({"calibration": np.zeros((3, 4))}, r"expected samples of shape \[\(12, 12, 1\)\]", id="shape"),
    pytest.param({"calibration": np.zeros((0, 12, 12, 1))}, "calibration: expected samples", id="no samples"),
]


@pytest.mark.parametrize(("options", "message"), MISUSES)
def test_misuse_is_told(build: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LoihiBackend().deploy(network(build), **options)


def test_an_unconverted_network_is_not_deployed(build: Any) -> None:
    with pytest.raises(BackendError, match="relu1: expected a converted network"):
        LoihiBackend().deploy(network(build, RELU))


def test_checking_imports_no_simulator() -> None:
    program = """
import sys
import numpy as np
import spikeport.backends
from spikeport.backends.loihi.backend import LoihiBackend
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Activation, Dense, Input, Output
nodes = [Node(name="x", op=Input(shape=(3,)))]
for name in ("a", "b"):
    nodes.append(Node(name=name, op=Dense(kernel=np.ones((3, 3))), inputs=(nodes[-1].name,)))
    nodes.append(Node(name=name * 2, op=Activation(function="relu"), inputs=(name,)))
nodes.append(Node(name="y", op=Output(), inputs=("bb",)))
assert [v.where for v in LoihiBackend().check(Graph.build(nodes, {"y": "y"}))].count("neurons") == 1
assert LoihiBackend().available() is not None
assert not {"nengo", "nengo_loihi", "numba", "tensorflow", "keras"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
