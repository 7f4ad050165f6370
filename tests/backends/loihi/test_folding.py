"""Folding: one linear map for all that lies between two populations; it is exactly what the graph computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from spikeport.backends.loihi.analog import evaluate_from
from spikeport.backends.loihi.folding import fold
from spikeport.backends.loihi.linear_map import MAX_WEIGHTS, as_volume
from spikeport.backends.loihi.partition import partition
from spikeport.backends.loihi.routes import routes
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import (
    Add,
    AvgPool,
    Concatenate,
    Conv,
    Crop,
    Dense,
    Input,
    Neurons,
    Op,
    Output,
    Pad,
    Permute,
    Reshape,
    ScaleShift,
    Upsample,
)
from spikeport.converter.ops.window import same_padding

RNG = np.random.default_rng(3)
ONE = np.ones(1, np.float32)


def weights(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def conv(shape: tuple[int, ...], kernel: tuple[int, ...], padding: str = "valid", **options: Any) -> Conv:
    """A convolution with a bias, for an input of this shape."""
    rank = len(kernel) - 2
    strides, dilation = options.pop("strides", (1,) * rank), options.pop("dilation", (1,) * rank)
    pads = ((0, 0),) * rank if padding == "valid" else same_padding(shape[:rank], kernel[:rank], strides, dilation)
    return Conv(
        kernel=weights(*kernel),
        bias=weights(kernel[-1]),
        strides=strides,
        dilation=dilation,
        padding=options.pop("pads", pads),
        **options,
    )


def pool(*size: int, strides: tuple[int, ...] | None = None, padding: Any = None) -> AvgPool:
    return AvgPool(pool_size=size, strides=strides or size, padding=padding or ((0, 0),) * len(size))


def dense(inputs: int, units: int) -> Dense:
    return Dense(kernel=weights(inputs, units), bias=weights(units))


def neurons() -> Neurons:
    return Neurons(threshold=ONE, scale=ONE)


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    """Input → population a → the ops → population b → Output."""
    nodes = [Node(name="x", op=Input(shape=shape)), Node(name="a", op=neurons(), inputs=("x",))]
    for place, op in enumerate(ops):
        nodes.append(Node(name=f"op{place}", op=op, inputs=(nodes[-1].name,)))
    nodes.append(Node(name="b", op=neurons(), inputs=(nodes[-1].name,)))
    nodes.append(Node(name="y", op=Output(), inputs=("b",)))
    return Graph.build(nodes, {"y": "y"})


def branches(shape: tuple[int, ...], one: list[Op], other: list[Op], merge: Op, *after: Op) -> Graph:
    """Population a → two branches → merge → the ops → population b."""
    nodes = [Node(name="x", op=Input(shape=shape)), Node(name="a", op=neurons(), inputs=("x",))]
    ends = []
    for letter, ops in (("l", one), ("r", other)):
        last = "a"
        for place, op in enumerate(ops):
            nodes.append(Node(name=f"{letter}{place}", op=op, inputs=(last,)))
            last = nodes[-1].name
        ends.append(last)
    nodes.append(Node(name="merge", op=merge, inputs=tuple(ends)))
    for place, op in enumerate(after):
        nodes.append(Node(name=f"after{place}", op=op, inputs=(nodes[-1].name,)))
    nodes.append(Node(name="b", op=neurons(), inputs=(nodes[-1].name,)))
    nodes.append(Node(name="y", op=Output(), inputs=("b",)))
    return Graph.build(nodes, {"y": "y"})


V = (9, 7, 3)
FLAT = Reshape(shape=(math.prod(V),))
GROUPED = conv((9, 7, 4), (3, 3, 2, 6), "same", groups=2)
DEPTHWISE = conv(V, (3, 3, 1, 3), "same", groups=3)
SCALE = ScaleShift(scale=weights(3), shift=weights(3))

CASES = [  # the graph, and the form that the connection takes
    pytest.param(chain(V, conv(V, (3, 2, 3, 5))), "Conv", id="conv2d valid"),
    pytest.param(chain(V, conv(V, (3, 4, 3, 5), "same")), "Conv", id="conv2d same, even kernel"),
    pytest.param(chain(V, conv(V, (3, 3, 3, 5), "same", strides=(2, 2))), "Conv", id="conv2d same, stride 2"),
    pytest.param(chain((8, 6, 3), conv((8, 6, 3), (3, 3, 3, 5), "same", strides=(2, 2))), "Conv", id="even, stride 2"),
    pytest.param(chain(V, conv(V, (2, 2, 3, 5), strides=(3, 3))), "Conv", id="stride beyond the kernel"),
    pytest.param(chain(V, conv(V, (3, 3, 3, 5), dilation=(2, 2))), "Conv", id="dilation"),
    pytest.param(chain((9, 7, 4), GROUPED), "Conv", id="groups"),
    pytest.param(chain(V, DEPTHWISE), "Conv", id="depthwise"),
    pytest.param(chain(V, DEPTHWISE, conv(V, (1, 1, 3, 8))), "Conv", id="separable"),
    pytest.param(chain(V, conv(V, (1, 1, 3, 4)), conv((9, 7, 4), (3, 3, 4, 2))), "Conv", id="conv after conv"),
    pytest.param(
        chain(V, conv(V, (3, 3, 3, 4), "same"), conv((9, 7, 4), (3, 3, 4, 2), "same")), "Sparse", id="2 × same"
    ),
    pytest.param(chain((12, 4), conv((12, 4), (3, 4, 5))), "Conv", id="conv1d valid"),
    pytest.param(chain((12, 4), conv((12, 4), (3, 4, 5), "same", strides=(2,))), "Conv", id="conv1d same, stride 2"),
    pytest.param(chain((12, 4), conv((12, 4), (3, 4, 5), pads=((2, 0),))), "Conv", id="conv1d causal"),
    pytest.param(chain((12, 4), conv((12, 4), (3, 4, 5), pads=((0, 2),))), "Conv", id="conv1d, zeros at the end"),
    pytest.param(chain((4, 4, 4, 2), conv((4, 4, 4, 2), (2, 2, 2, 2, 3))), "Sparse", id="conv3d"),
    pytest.param(chain((8, 6, 3), pool(2, 2), conv((4, 3, 3), (3, 3, 3, 5), "same")), "Conv", id="pool, conv same"),
    pytest.param(chain(V, pool(2, 2), conv((4, 3, 3), (3, 3, 3, 5))), "Conv", id="pool with a rest, conv valid"),
    pytest.param(
        chain(V, pool(2, 2), conv((4, 3, 3), (3, 3, 3, 5), "same")), "Sparse", id="pool with a rest, conv same"
    ),
    pytest.param(chain(V, pool(3, 3, strides=(2, 2)), conv((4, 3, 3), (2, 2, 3, 5))), "Conv", id="overlapping pool"),
    pytest.param(chain(V, pool(2, 2, padding=((0, 1), (0, 1)))), "Sparse", id="pool same"),
    pytest.param(chain((12, 4), pool(3)), "Conv", id="pool1d"),
    pytest.param(chain(V, pool(9, 7)), "Conv", id="global pool"),
    pytest.param(chain(V, pool(9, 7), Reshape(shape=(3,)), dense(3, 6)), "Dense", id="global pool, dense"),
    pytest.param(chain((6,), dense(6, 9)), "Dense", id="dense"),
    pytest.param(chain((6,), dense(6, 9), dense(9, 4)), "Dense", id="dense after dense"),
    pytest.param(chain(V, dense(3, 6)), "Conv", id="dense on pixels"),
    pytest.param(chain((5, 6), dense(6, 4)), "Conv", id="dense on rows"),
    pytest.param(chain((2, 3, 4, 5), dense(5, 4)), "Conv", id="dense on rank 4"),
    pytest.param(chain(V, FLAT, dense(189, 5)), "Dense", id="flatten, dense"),
    pytest.param(chain((8, 6, 3), pool(2, 2), Reshape(shape=(36,)), dense(36, 5)), "Dense", id="pool, flatten, dense"),
    pytest.param(
        chain(V, pool(2, 2), Reshape(shape=(36,)), dense(36, 5)), "Conv", id="pool with a rest, flatten, dense"
    ),
    pytest.param(chain(V, Permute(order=(2, 0, 1)), FLAT, dense(189, 5)), "Dense", id="permute, flatten, dense"),
    pytest.param(chain(V, FLAT), "Sparse", id="flatten alone"),
    pytest.param(chain(V, Reshape(shape=(7, 9, 3)), conv((7, 9, 3), (3, 3, 3, 2))), "Sparse", id="reshape, conv"),
    pytest.param(chain(V, SCALE), "Conv", id="batch norm alone"),
    pytest.param(chain(V, pool(3, 3), SCALE, conv((3, 2, 3), (2, 2, 3, 4))), "Conv", id="pool, batch norm, conv"),
    pytest.param(
        chain(V, Pad(padding=((1, 1), (1, 1), (0, 0))), conv((11, 9, 3), (3, 3, 3, 4), strides=(2, 2))),
        "Conv",
        id="zero padding, conv stride 2",
    ),
    pytest.param(
        chain((8, 6, 3), Pad(padding=((1, 1), (1, 1), (0, 0))), conv((10, 8, 3), (3, 3, 3, 4), strides=(2, 2))),
        "Conv",
        id="zero padding, conv stride 2, even",
    ),
    pytest.param(
        chain(V, Pad(padding=((3, 0), (0, 2), (0, 0))), conv((12, 9, 3), (3, 3, 3, 4))), "Sparse", id="uneven padding"
    ),
    pytest.param(chain(V, Pad(padding=((0, 0), (0, 0), (1, 0)))), "Sparse", id="zero channels"),
    pytest.param(
        chain(V, Crop(cropping=((2, 1), (0, 3), (0, 0))), conv((6, 4, 3), (2, 2, 3, 4), strides=(2, 1))),
        "Conv",
        id="cropping, conv",
    ),
    pytest.param(
        chain(V, Upsample(size=(2, 2, 1)), conv((18, 14, 3), (3, 3, 3, 2), "same")), "Sparse", id="upsampling"
    ),
    pytest.param(
        branches(V, [conv(V, (3, 3, 3, 3), "same")], [], Add()), "Conv", id="residual from the same population"
    ),
    pytest.param(
        branches(V, [conv(V, (3, 3, 3, 4), "same")], [conv(V, (5, 5, 3, 4), "same")], Add(factors=(0.5, -2.0))),
        "Conv",
        id="weighted sum of two kernels",
    ),
    pytest.param(
        branches(
            V, [conv(V, (3, 3, 3, 4), "same")], [conv(V, (1, 1, 3, 2))], Concatenate(axis=2), conv(V, (1, 1, 6, 2))
        ),
        "Conv",
        id="channels side by side",
    ),
    pytest.param(
        branches(V, [], [SCALE], Concatenate(axis=0), conv((18, 7, 3), (3, 3, 3, 2))), "Sparse", id="rows side by side"
    ),
    pytest.param(
        branches(V, [], [pool(9, 7), conv((1, 1, 3), (1, 1, 3, 3))], Add()), "Dense", id="sum that broadcasts a mean"
    ),
    pytest.param(
        branches(V, [FLAT, dense(189, 5)], [FLAT, dense(189, 4)], Concatenate(axis=0), dense(9, 3)),
        "Dense",
        id="two dense layers side by side",
    ),
    pytest.param(chain((5, 4, 3, 2), conv((5, 4, 3, 2), (2, 3, 2, 2, 3), "same")), "Sparse", id="conv3d same"),
    pytest.param(
        chain((5, 4, 3, 2), conv((5, 4, 3, 2), (2, 2, 2, 2, 3), strides=(2, 1, 1))), "Sparse", id="conv3d stride 2"
    ),
    pytest.param(chain((5, 4, 3, 2), pool(2, 2, 1)), "Sparse", id="average pooling in three dimensions"),
]


@pytest.mark.parametrize(("graph", "form"), CASES)
def test_a_fold_is_what_the_graph_computes(graph: Graph, form: str) -> None:
    parts = partition(graph)
    assert (parts.host, parts.chip, parts.encoded) == (("a",), ("b",), ())
    population = fold(graph, parts).populations["b"]
    (linear,) = population.maps.values()
    assert population.current is not None
    sent = np.random.default_rng(1).random((3, *graph.nodes["a"].shape))
    expected = evaluate_from(graph, {"a": sent}, graph.nodes["b"].inputs)[graph.nodes["b"].inputs[0]]
    volume = sent.reshape(3, *as_volume(graph.nodes["a"].shape))
    computed = linear.apply(volume) + population.current
    np.testing.assert_allclose(computed.reshape(expected.shape), expected, atol=1e-5)
    forms = list(routes(linear))
    for route in forms:
        np.testing.assert_allclose(route.apply(volume) + population.current, computed, atol=1e-9)
    assert type(forms[0]).__name__ == f"{form}Route"


@pytest.mark.parametrize(("graph", "form"), CASES)
def test_scaled_routes_scale_channels(graph: Graph, form: str) -> None:
    (linear,) = fold(graph, partition(graph)).populations["b"].maps.values()
    rng = np.random.default_rng(2)
    sent = rng.random((2, *linear.input_shape))
    worth, per_threshold = rng.random(linear.input_shape[2]), rng.random(linear.output_shape[2])
    for route in routes(linear):
        scaled = route.scaled(worth, per_threshold)
        np.testing.assert_allclose(scaled.apply(sent), route.apply(sent * worth) * per_threshold, atol=1e-9)


def residual() -> Graph:
    """Input → a → conv → b → conv, plus a → c: one population with two sources."""
    same = [conv(V, (3, 3, 3, 3), "same") for _ in range(2)]
    nodes = [
        Node(name="x", op=Input(shape=V)),
        Node(name="a", op=neurons(), inputs=("x",)),
        Node(name="conv1", op=same[0], inputs=("a",)),
        Node(name="b", op=neurons(), inputs=("conv1",)),
        Node(name="conv2", op=same[1], inputs=("b",)),
        Node(name="add", op=Add(), inputs=("conv2", "a")),
        Node(name="c", op=neurons(), inputs=("add",)),
        Node(name="y", op=Output(), inputs=("c",)),
    ]
    return Graph.build(nodes, {"y": "y"})


def test_a_residual_gives_a_population_two_sources() -> None:
    graph = residual()
    population = fold(graph, partition(graph)).populations["c"]
    assert population.depth == 2
    assert set(population.maps) == {"a", "b"}
    rng = np.random.default_rng(4)
    sent = {name: rng.random((2, *V)) for name in "ab"}
    computed = sum(linear.apply(sent[name]) for name, linear in population.maps.items()) + population.current
    np.testing.assert_allclose(computed, evaluate_from(graph, sent, ["add"])["add"], atol=1e-5)


def test_too_many_weights_are_refused_before_they_are_made() -> None:
    graph = chain((64, 64, 32), Reshape(shape=(131072,)), _wide(131072, 256))
    folding = fold(graph, partition(graph))
    assert folding.unplaced == {"b": "op1"}
    assert folding.too_large["op1"].startswith(
        f"needs 33,554,432 weights in one connection; a chip holds {MAX_WEIGHTS:,}"
    )


def _wide(inputs: int, units: int) -> Dense:
    return Dense(kernel=np.broadcast_to(ONE, (inputs, units)))


def test_a_convolution_in_three_dimensions_that_is_too_large_is_refused_with_the_way_out() -> None:
    shape = (16, 16, 16, 16)
    graph = chain(shape, conv(shape, (3, 3, 3, 16, 16)))
    folding = fold(graph, partition(graph))
    assert folding.too_large["op0"].startswith(
        "a convolution in 3 dimensions: the chip repeats a kernel over rows and "
    )
    assert f"needs {14**3 * 27 * 256:,} weights" in folding.too_large["op0"]
    assert "use Conv2D with the frames as channels, or run with backend='cpu'" in folding.too_large["op0"]


def test_a_dense_layer_that_is_too_large_says_how_many_inputs_it_has() -> None:
    graph = chain((64, 64, 2), Reshape(shape=(8192,)), Dense(kernel=np.zeros((8192, 2049), np.float32)))
    (why,) = fold(graph, partition(graph)).too_large.values()
    assert "every unit hears 8,192 inputs, where a core takes 4,096 input axons" in why
    assert "pool more before it, and give it fewer units" in why
