"""The engine of the cpu backend: its events are those of the definition, whatever the maps, neurons and currents."""

from __future__ import annotations

import numpy as np
import pytest

from spikeport.backends.cpu.backend import CpuBackend
from spikeport.backends.cpu.engine import Workspace
from spikeport.backends.cpu.engine.event_lists import EventLists, as_rows, list_events, padded_channels
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Add, Array, AvgPool, Conv, Dense, Input, Neurons, Op, Output, Reshape

STEPS = 24


def conv(
    rng: np.random.Generator,
    window: tuple[int, ...],
    channels: int,
    filters: int,
    *,
    strides: int = 1,
    dilation: int = 1,
    padding: int = 0,
    groups: int = 1,
    scale: float = 1.0,
) -> Conv:
    kernel = rng.normal(0, scale / np.sqrt(np.prod(window) * channels / groups), (*window, channels // groups, filters))
    rank = len(window)
    return Conv(
        kernel=kernel.astype(np.float32),
        bias=rng.normal(0, 0.1, filters).astype(np.float32),
        strides=(strides,) * rank,
        dilation=(dilation,) * rank,
        padding=((padding, padding),) * rank,
        groups=groups,
    )


def neurons(rng: np.random.Generator, channels: int, **more: object) -> Neurons:
    theta = rng.uniform(0.3, 1.5, channels).astype(np.float32)
    return Neurons(threshold=theta, scale=theta, **{"n_min": -1, "n_max": 4, **more})


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    """A graph of ops one behind the other, with an output at the end."""
    nodes = [Node(name="x", op=Input(shape=shape))]
    for place, op in enumerate(ops):
        nodes.append(Node(name=f"n{place}", op=op, inputs=(nodes[-1].name,)))
    nodes.append(Node(name="y", op=Output(), inputs=(nodes[-1].name,)))
    return Graph.build(nodes, {"y": "y"})


def events_by_definition(graph: Graph, x: Array, steps: int) -> dict[str, Array]:
    """The events of every population, ``(samples, steps, *shape)``, from the ops themselves in float64."""
    found: dict[str, Array] = {}
    values: dict[str, Array] = {"x": np.broadcast_to(x.astype(np.float64), (steps, *x.shape))}
    for node in graph.nodes.values():
        inputs = [values[name] for name in node.inputs]
        if isinstance(node.op, Neurons):
            current, sent = inputs[0], np.zeros(inputs[0].shape)
            theta, correction = node.op.threshold_of(node.shape), node.op.correction_of(node.shape)
            for b in range(len(x)):
                state = node.op.start(node.shape)
                for t in range(steps):
                    z = (current[t, b].reshape(-1) + correction) / theta
                    sent[t, b] = node.op.step(state, z).reshape(node.shape)
            values[node.name] = sent * node.op.threshold.astype(np.float64)
            found[node.name] = sent.swapaxes(0, 1).astype(np.int8)
        elif not isinstance(node.op, (Input, Output)):
            flat = node.op.apply(*(v.reshape(-1, *v.shape[2:]) for v in inputs))
            values[node.name] = flat.reshape(steps, len(x), *flat.shape[1:])
    return found


def assert_by_definition(graph: Graph, x: Array, steps: int = STEPS, **options: object) -> None:
    expected = events_by_definition(graph, x, steps)
    result = CpuBackend().deploy(graph, **options).run([x], steps, record=tuple(expected))
    for name, sent in expected.items():
        np.testing.assert_array_equal(result.events[name], sent, err_msg=name)
        np.testing.assert_array_equal(result.spike_counts[name], (sent != 0).reshape(len(x), -1).sum(axis=1))


CHANNELS = (1, 3, 16, 17, 33, 64, 70, 130)
SAME_SIZE = {"pool_size": (1, 1), "strides": (1, 1), "padding": ((0, 0), (0, 0))}
WINDOWS = {
    "2-D": ((7, 6), (3, 3), {}),
    "stride 2, padding": ((7, 8), (3, 3), {"strides": 2, "padding": 1}),
    "stride beyond the window": ((9, 9), (2, 2), {"strides": 3}),
    "dilation": ((9, 8), (3, 3), {"dilation": 2, "padding": 2}),
    "dilation and stride": ((9, 8), (2, 3), {"dilation": 2, "strides": 2, "padding": 1}),
    "1 by 1": ((4, 5), (1, 1), {}),
    "1-D": ((11,), (4,), {"padding": 3}),
    "3-D": ((4, 3, 5), (2, 2, 3), {"padding": 1}),
}


@pytest.mark.parametrize("channels", CHANNELS)
def test_any_number_of_channels(channels):
    rng = np.random.default_rng(channels)
    shape = (5, 4, 2)
    graph = chain(
        shape,
        conv(rng, (3, 3), 2, channels, padding=1, scale=2.0),
        neurons(rng, channels),
        conv(rng, (2, 2), channels, channels, scale=2.0),
        neurons(rng, channels),
        Reshape(shape=(4 * 3 * channels,)),
        Dense(kernel=rng.normal(0, 0.2, (4 * 3 * channels, 19)).astype(np.float32), bias=np.ones(19, np.float32)),
        neurons(rng, 19),
    )
    assert_by_definition(graph, rng.normal(0, 1, (3, *shape)).astype(np.float32))


@pytest.mark.parametrize(("spatial", "window", "more"), WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("limits", [(-1, 4), (0, 1)], ids=["graded", "binary"])
def test_any_window(spatial, window, more, limits):
    rng = np.random.default_rng(5)
    kind = {"n_min": limits[0], "n_max": limits[1]}
    first = conv(rng, window, 3, 5, **more)
    graph = chain(
        (*spatial, 3), first, neurons(rng, 5, **kind), conv(rng, (1,) * len(window), 5, 6), neurons(rng, 6, **kind)
    )
    x = rng.normal(0.3, 1, (2, *spatial, 3)).astype(np.float32)
    assert_by_definition(graph, x)
    second = conv(rng, window, 4, 5, **more)
    ones = (1,) * len(window)
    graph = chain((*spatial, 3), conv(rng, ones, 3, 4), neurons(rng, 4, **kind), second, neurons(rng, 5, **kind))
    assert_by_definition(graph, x)


@pytest.mark.parametrize("filters", [6, 12, 48])
@pytest.mark.parametrize("strides", [1, 2])
def test_depthwise_and_grouped_convolutions(filters, strides):
    rng = np.random.default_rng(6)
    depthwise = conv(rng, (3, 3), 6, filters, groups=6, padding=1, strides=strides)
    grouped = conv(rng, (2, 2), filters, 6, groups=2)
    graph = chain(
        (6, 7, 2),
        conv(rng, (1, 1), 2, 6),
        neurons(rng, 6),
        depthwise,
        neurons(rng, filters),
        grouped,
        neurons(rng, 6),
        AvgPool(pool_size=(2, 2), strides=(1, 1), padding=((0, 0), (0, 0))),
        neurons(rng, 6),
    )
    assert_by_definition(graph, rng.normal(0.5, 1, (2, 6, 7, 2)).astype(np.float32))


@pytest.mark.parametrize("filters", [6, 8, 24, 40])
@pytest.mark.parametrize("behind", ["conv", "strided", "dense", "added", "read twice"])
def test_separable_convolutions(filters, behind):
    """A depthwise convolution and what follows it, without neurons in between."""
    rng = np.random.default_rng(filters)
    channels = 8 if filters % 8 == 0 else 6
    last = {
        "dense": Dense(kernel=rng.normal(0, 0.5, (filters, 21)).astype(np.float32)),
        "strided": conv(rng, (1, 1), filters, 21, strides=2),
    }.get(behind, conv(rng, (1, 1), filters, 21, scale=2.0))
    own = conv(rng, (3, 2), channels, filters, groups=channels, padding=1)
    nodes = [
        Node(name="x", op=Input(shape=(6, 7, 2))),
        Node(name="first", op=conv(rng, (1, 1), 2, channels), inputs=("x",)),
        Node(name="sending", op=neurons(rng, channels), inputs=("first",)),
        Node(name="own", op=own, inputs=("sending",)),
        Node(name="last", op=last, inputs=("own",)),
    ]
    if behind == "added":
        nodes.append(Node(name="pooled", op=AvgPool(**SAME_SIZE), inputs=("last",)))
        nodes.append(Node(name="side", op=conv(rng, (1, 1), filters, 21), inputs=("own",)))
        nodes.append(Node(name="sum", op=Add(), inputs=("pooled", "side")))
    nodes.append(Node(name="firing", op=neurons(rng, 21, n_max=15), inputs=(nodes[-1].name,)))
    if behind == "read twice":
        nodes.append(Node(name="other", op=neurons(rng, filters), inputs=("own",)))
    ends = {"y": "y"} if behind != "read twice" else {"y": "y", "z": "z"}
    nodes += [Node(name=end, op=Output(), inputs=(name,)) for end, name in zip(ends, ("firing", "other"), strict=False)]
    x = rng.normal(0.5, 1, (3, 6, 7, 2)).astype(np.float32)
    for steps in (3, 13):
        assert_by_definition(Graph.build(nodes, ends), x, steps)


@pytest.mark.parametrize("shortcut", ["identity", "conv", "pooled", "input"])
def test_two_ways_into_a_population(shortcut):
    rng = np.random.default_rng(7)
    nodes = [
        Node(name="x", op=Input(shape=(6, 6, 5))),
        Node(name="a", op=conv(rng, (3, 3), 5, 5, padding=1), inputs=("x",)),
        Node(name="a/n", op=neurons(rng, 5), inputs=("a",)),
        Node(name="b", op=conv(rng, (3, 3), 5, 5, padding=1), inputs=("a/n",)),
        Node(name="sum/n", op=neurons(rng, 5, correction=np.full(5, 0.03)), inputs=("sum",)),
        Node(name="y", op=Output(), inputs=("sum/n",)),
    ]
    other = {"identity": "a/n", "conv": "c", "pooled": "p", "input": "x"}[shortcut]
    nodes += [Node(name="c", op=conv(rng, (1, 1), 5, 5), inputs=("a/n",))] if other == "c" else []
    pool = AvgPool(pool_size=(3, 3), strides=(1, 1), padding=((1, 1), (1, 1)))
    nodes += [Node(name="p", op=pool, inputs=("a/n",))] if other == "p" else []
    nodes.append(Node(name="sum", op=Add(), inputs=("b", other)))
    graph = Graph.build(nodes, {"y": "y"})
    assert_by_definition(graph, rng.normal(0.2, 1, (3, 6, 6, 5)).astype(np.float32))


CURRENTS = {
    "ties": (np.array([0.25, 0.5, 1.0, 2.0, -0.5, 0.0, 0.125, 4.0]), 1.0),  # every sum is on a threshold somewhere
    "never": (np.full(8, -40.0), 1.0),  # far below: voltages that are held at the limit
    "back from below": (np.array([-300.0, 300.0] * 4), 1.0),
    "always": (np.full(8, 90.0), 1.0),  # above all that a step can send
    "tiny threshold": (np.linspace(-1, 1, 8), 1e-4),
}


@pytest.mark.parametrize(("weights", "theta"), CURRENTS.values(), ids=CURRENTS)
@pytest.mark.parametrize("limits", [(-1, 4), (0, 1), (-2, 100)], ids=str)
@pytest.mark.parametrize("voltage", [0.0, 0.5, -3.25, 1.5])
def test_any_current(weights, theta, limits, voltage):
    """The first population sends trains of all kinds, and each of the second receives two of them."""
    kind = {"n_min": limits[0], "n_max": limits[1], "initial_voltage": voltage}
    first = Neurons(threshold=np.ones(1, np.float32), scale=np.ones(1, np.float32), **kind)
    second = Neurons(threshold=np.full(1, theta, np.float32), scale=np.ones(1, np.float32), **kind)
    mixed = np.stack([weights, np.roll(weights, 3)]).astype(np.float32)
    graph = chain((2,), Dense(kernel=np.eye(2, dtype=np.float32)), first, Dense(kernel=mixed), second)
    x = np.array([[0.5, 0.25], [1.0, 0.3], [-0.2, 2.7], [0.125, 0.0], [6.0, 0.75]], np.float32)
    assert_by_definition(graph, x, 70)


@pytest.mark.parametrize("steps", [1, 2, 3, 200])
@pytest.mark.parametrize("options", [{"n_jobs": 1, "batch": 2}, {"n_jobs": 3, "batch": 1}], ids=str)
def test_any_number_of_steps(steps, options):
    rng = np.random.default_rng(8)
    graph = chain((4, 4, 2), conv(rng, (2, 2), 2, 3), neurons(rng, 3), conv(rng, (2, 2), 3, 20), neurons(rng, 20))
    assert_by_definition(graph, rng.normal(0.5, 1, (5, 4, 4, 2)).astype(np.float32), steps, **options)


def test_more_events_than_a_bound_has_room_for():
    """Ten million events into one neuron: their rounding could add up to more than is left for it."""
    rng = np.random.default_rng(10)
    kernel = rng.normal(0, 0.002, (2500, 3)).astype(np.float32)
    dense = Dense(kernel=np.eye(50, dtype=np.float32))
    graph = chain((50, 50), dense, neurons(rng, 1), Reshape(shape=(2500,)), Dense(kernel=kernel), neurons(rng, 3))
    assert_by_definition(graph, np.full((1, 50, 50), 8.0, np.float32), 2000)


def test_lists_hold_the_events_in_their_order():
    rng = np.random.default_rng(9)
    shape, steps, samples = (3, 4, 5), 6, 2
    events = (rng.random((steps, samples, *shape)) < 0.3) * rng.integers(-2, 5, (steps, samples, *shape))
    events = events.astype(np.int8)
    rows, columns, channels = as_rows(shape)
    padded = padded_channels(channels)
    lists = EventLists(
        codes=np.empty(events.size + 64, np.int32),
        sizes=np.empty(events.size + 64, np.int8),
        starts=np.empty((samples, rows * steps * columns + 1), np.int32),
    )
    list_events(events.reshape(steps, samples, -1), rows, columns, channels, padded, lists)
    found = np.zeros_like(events)
    for b in range(samples):
        for y in range(rows):
            for t in range(steps):
                for x in range(columns):
                    place = (y * steps + t) * columns + x
                    for e in range(lists.starts[b, place], lists.starts[b, place + 1]):
                        row, channel = divmod(int(lists.codes[e]), padded)
                        assert row == y * columns + x
                        found[t, b, y, x, channel] = lists.sizes[e]
    np.testing.assert_array_equal(found, events)


def test_memory_is_used_again():
    workspace = Workspace()
    first = workspace.take((3, 4), np.int32)
    workspace.give_back(first)
    assert np.shares_memory(workspace.take((2, 5), np.int32), first)
    assert not np.shares_memory(workspace.take((2, 5), np.int32), first)
    assert workspace.take((2, 5), np.float64).dtype == np.float64
