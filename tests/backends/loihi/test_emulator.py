"""Running on the emulator: it does what its twin in floating point does, each sample from a clean state."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from spikeport.backends.loihi.backend import LoihiBackend
from spikeport.backends.loihi.deployment import LoihiDeployment
from spikeport.backends.loihi.gains import EstimatedGains, current_over_time, sent_by_host
from spikeport.backends.loihi.scaling import Scaled, ScaledHost, scale
from spikeport.backends.loihi.twin import chip_spikes
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Add, AvgPool, Conv, Dense, Input, MaxPool, Neurons, Output, Reshape
from spikeport.errors import BackendError

pytestmark = [
    pytest.mark.loihi,
    # Nengo 4.1 reads numpy.core when it is imported; that is nothing of ours.
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
]
ONE = np.ones(1, np.float32)
RELU = Neurons(threshold=ONE, scale=ONE)


def conv(*kernel: int, pad: int = 0, stride: int = 1, seed: int = 0) -> Conv:
    rng = np.random.default_rng(seed)
    spread = 1 / np.sqrt(np.prod(kernel[:3]))
    return Conv(
        kernel=(spread * rng.normal(size=kernel)).astype(np.float32),
        bias=(0.1 * rng.normal(size=kernel[-1])).astype(np.float32),
        strides=(stride, stride),
        dilation=(1, 1),
        padding=((pad, pad), (pad, pad)),
    )


def dense(inputs: int, units: int, seed: int = 0) -> Dense:
    rng = np.random.default_rng(seed)
    return Dense(
        kernel=(rng.normal(size=(inputs, units)) / np.sqrt(inputs)).astype(np.float32),
        bias=(0.1 * rng.normal(size=units)).astype(np.float32),
    )


NETS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "conv": (
        (9, 7, 1),
        {
            "conv1": conv(3, 3, 1, 4, seed=1),
            "relu1": RELU,
            "conv2": conv(3, 3, 4, 6, pad=1, stride=2, seed=2),
            "relu2": RELU,
            "pool": AvgPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))),
            "flat": Reshape(shape=(12,)),
            "dense": dense(12, 8, seed=3),
            "relu3": RELU,
            "out": dense(8, 5, seed=4),
        },
    ),
    "residual": (
        (6, 6, 2),
        {
            "conv1": conv(3, 3, 2, 4, pad=1, seed=5),
            "relu1": RELU,
            "conv2": conv(3, 3, 4, 4, pad=1, seed=6),
            "relu2": RELU,
            "conv3": conv(3, 3, 4, 4, pad=1, seed=7),
            "add": (Add(), "conv3", "relu1"),
            "relu3": RELU,
            "mean": AvgPool(pool_size=(6, 6), strides=(6, 6), padding=((0, 0), (0, 0))),
        },
    ),
    "one hidden layer": ((12,), {"dense": dense(12, 10, seed=8), "relu": RELU, "out": dense(10, 3, seed=9)}),
    "one hidden layer behind max pooling": (
        (8, 8, 1),
        {
            "conv": conv(3, 3, 1, 4, seed=10),
            "max": MaxPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))),
            "relu": RELU,
            "flat": Reshape(shape=(36,)),
            "out": dense(36, 3, seed=11),
        },
    ),
    "uneven padding": (
        (6, 5, 1),
        {
            "conv1": conv(1, 1, 1, 3, seed=12),
            "relu1": RELU,
            "conv2": Conv(
                kernel=conv(3, 4, 3, 4, seed=13).kernel, strides=(1, 1), dilation=(1, 1), padding=((0, 2), (3, 0))
            ),
            "relu2": RELU,
            "upwards": (conv(2, 2, 4, 3, stride=2, seed=14)),
            "relu3": RELU,
        },
    ),
}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest, build: Any, calibrated: Any) -> tuple[Graph, Any]:
    shape, nodes = NETS[request.param]
    samples = np.random.default_rng(20).random((8, *shape)).astype(np.float32)
    if request.param == "one hidden layer":
        samples = 3 * samples - 1
    return calibrated(build(shape, **nodes), samples), samples


def twin(scaled: dict[str, Scaled], currents: dict[str, Any], n_steps: int) -> dict[str, Any]:
    spikes: dict[str, Any] = {}
    for name, population in scaled.items():
        if isinstance(population, ScaledHost):
            spikes[name] = sent_by_host(currents[name][None], n_steps, population.signed)[0]
        else:
            sent = {source: spikes[source] for source in population.routes}
            spikes[name] = chip_spikes(current_over_time(population, sent)).astype(np.int8)
    return spikes


def test_without_rounding_the_emulator_is_the_twin(net: tuple[Graph, Any]) -> None:
    from spikeport.backends.loihi.simulation import Simulation

    graph, samples = net
    deployment = LoihiBackend().deploy(graph)
    ranges = deployment._ranges([samples])
    scaled = dict(scale(deployment._folding, deployment._fit, 20, EstimatedGains(20), ranges))
    simulation = Simulation(scaled, target="simreal")
    given = deployment._for(20, ranges).presentation.currents({"x": samples[:3].astype(float)})
    for sample in range(3):
        currents = {name: current[sample] for name, current in given.items()}
        spikes, expected = simulation.run(currents, 20), twin(scaled, currents, 20)
        for name in scaled:
            assert expected[name].any()
            np.testing.assert_array_equal(spikes[name], expected[name], err_msg=name)
    simulation.close()


def test_without_rounding_the_compiled_twin_is_the_same(net: tuple[Graph, Any]) -> None:
    graph, samples = net
    deployment = LoihiBackend().deploy(graph, target="float")
    scaled, presentation = deployment._for(20, deployment._ranges([samples]))
    currents = presentation.currents({"x": samples[:3].astype(float)})
    found = presentation.chip.run_batch(currents, 20, list(scaled))
    for sample in range(3):
        expected = twin(scaled, {n: c[sample] for n, c in currents.items()}, 20 + deployment._depth)
        for name, s in scaled.items():
            window = expected[name][s.population.depth :][:20]
            np.testing.assert_array_equal(found.spikes[name][sample], window, err_msg=name)


def test_the_compiled_twin_is_nengo_loihis_emulator(net: tuple[Graph, Any]) -> None:
    """From the currents into the host's neurons to every spike: what full test sets run on is what nengo-loihi runs."""
    from spikeport.backends.loihi.simulation import Simulation

    graph, samples = net
    deployment = LoihiBackend().deploy(graph, n_jobs=1)
    scaled, presentation = deployment._for(50, deployment._ranges([samples]))
    currents = presentation.currents({"x": samples[:3].astype(float)})
    simulation = Simulation(scaled)
    expected = simulation.run_batch(currents, 50, list(scaled))
    found = presentation.chip.run_batch(currents, 50, list(scaled))
    simulation.close()
    assert set(found.spikes) == set(found.counts) == set(scaled)
    for name in scaled:
        np.testing.assert_array_equal(found.spikes[name], expected.spikes[name], err_msg=name)
        np.testing.assert_array_equal(found.counts[name], expected.counts[name], err_msg=name)
        assert found.counts[name].any()


def deploy(graph: Graph, **options: Any) -> LoihiDeployment:
    return LoihiBackend().deploy(graph, **options)


def test_the_output_approaches_the_rate_network(net: tuple[Graph, Any]) -> None:
    graph, samples = net
    expected = graph.evaluate({"x": samples})["y"]
    result = deploy(graph, calibration=samples).run([samples], 64)
    assert result.outputs_over_time["y"].shape == (len(samples), 64, *expected.shape[1:])
    assert np.sqrt(np.mean((result.output - expected) ** 2) / expected.var()) < 0.35


def test_samples_do_not_know_of_each_other(net: tuple[Graph, Any]) -> None:
    graph, samples = net
    deployment = deploy(graph)
    names = tuple(graph.nodes)
    first = deployment.run([samples], 12, record=names)
    deployment.run([samples], 5)
    backwards = deployment.run([samples[::-1]], 12, record=names)
    afresh = deploy(graph).run([samples], 12, record=names)
    for other, order in ((backwards, slice(None, None, -1)), (afresh, slice(None))):
        for name, events in first.events.items():
            np.testing.assert_array_equal(other.events[name][order], events)
        np.testing.assert_array_equal(other.output[order], first.output)
        np.testing.assert_array_equal(other.synaptic_operations[order], first.synaptic_operations)


def test_counts_are_those_of_the_events(net: tuple[Graph, Any]) -> None:
    graph, samples = net
    done: list[int] = []
    result = deploy(graph).run([samples], 10, record=tuple(graph.nodes), on_progress=done.append)
    assert sum(done) == len(samples)
    assert set(result.events) == set(result.spike_counts)
    for name, events in result.events.items():
        assert events.shape == (len(samples), 10, *graph.nodes[name].shape)
        assert events.dtype == np.int8
        np.testing.assert_array_equal(np.abs(events).reshape(len(samples), -1).sum(axis=1), result.spike_counts[name])
    assert result.synaptic_operations is not None
    assert (result.synaptic_operations > 0).all()


def test_facts_are_json_and_agree_with_nengo_loihi(net: tuple[Graph, Any]) -> None:
    from spikeport.backends.loihi.simulation import Simulation

    graph, samples = net
    deployment = deploy(graph)
    deployment.run([samples[:1]], 4)
    facts = json.loads(json.dumps(deployment.facts))
    ((scaled, _),) = deployment._built.values()
    simulation = Simulation(scaled)
    for name, blocks in simulation.blocks.items():
        entry = facts["populations"][name]
        assert entry["where"] == "chip"
        assert entry["cores"] == len(blocks)
        resource = entry["fullest"]["resource"]
        used = [block.utilization()[resource] for block in blocks]
        assert max(u for u, _ in used) <= entry["fullest"]["used"]
        assert {limit for _, limit in used} == {entry["fullest"]["limit"]}
    assert facts["cores"] == sum(len(blocks) for blocks in simulation.blocks.values())
    assert facts["boundary"]["host_to_chip"]
    assert facts["boundary"]["chip_to_host"]
    assert "y" in facts["host"]
    assert facts["extra_steps"] >= 1
    assert facts["gains"] == "estimated"
    assert all(warning.startswith("connections whose weights keep fewer than 8 bits") for warning in facts["warnings"])


def test_values_with_both_signs_take_two_sets_of_neurons(build: Any, calibrated: Any) -> None:
    shape, nodes = NETS["one hidden layer"]
    samples = 3 * np.random.default_rng(1).random((2, *shape)).astype(np.float32) - 1
    graph = calibrated(build(shape, **nodes), samples)
    result = deploy(graph).run([samples], 6, record=["x"])
    assert set(np.unique(result.events["x"])) == {-1, 0, 1}
    np.testing.assert_array_equal(np.sign(samples[result.events["x"].any(axis=1)]).min(), -1)


def test_a_chip_that_cannot_hold_the_numbers_is_one_sentence(build: Any) -> None:
    shape, nodes = NETS["conv"]
    tiny = Neurons(threshold=ONE, scale=1e-7 * ONE)
    graph = build(shape, **{**nodes, "relu2": tiny})
    with pytest.raises(BackendError, match=r"does not go on Loihi: relu2: its largest .* backend='cpu'"):
        deploy(graph).run([np.ones((1, *shape), np.float32)], 4)


def test_overflow_is_a_fact(build: Any) -> None:
    dense_ones = Dense(kernel=np.full((2000, 4), 0.5, np.float32))
    graph = build((2000,), relu1=RELU, dense=dense_ones, relu2=RELU, out=dense(4, 2))
    deployment = deploy(graph)
    deployment.run([np.ones((1, 2000), np.float32)], 4)
    assert any(warning.startswith("the register q0 overflowed in") for warning in deployment.facts["warnings"])


def test_neurons_that_the_host_alone_hears_are_run_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((5, 6)).astype(np.float32)
    nodes = [
        Node(name="x", op=Input(shape=(6,))),
        Node(name="a", op=dense(6, 4, seed=1), inputs=("x",)),
        Node(name="relu_a", op=RELU, inputs=("a",)),
        Node(name="b", op=dense(6, 5, seed=2), inputs=("x",)),
        Node(name="relu_b", op=RELU, inputs=("b",)),
        Node(name="c", op=dense(5, 3, seed=3), inputs=("relu_b",)),
        Node(name="relu_c", op=RELU, inputs=("c",)),
        Node(name="y", op=Output(), inputs=("relu_a",)),
        Node(name="z", op=Output(), inputs=("relu_c",)),
    ]
    graph = Graph.build(nodes, {"y": "y", "z": "z"})
    deployment = deploy(graph)
    result = deployment.run([x], 40, record=["relu_a"])
    assert result.events["relu_a"].any()
    expected = graph.evaluate({"x": x})["y"]
    np.testing.assert_allclose(result.outputs_over_time["y"][:, -1], np.minimum(expected, 1), atol=1 / 40)
    scaled, presentation = deployment._for(40, {})
    currents = presentation.currents({"x": x.astype(float)})
    from spikeport.backends.loihi.simulation import Simulation

    simulation = Simulation(scaled)
    theirs = simulation.run_batch({n: c[:2] for n, c in currents.items()}, 40, ["relu_a"])
    simulation.close()
    np.testing.assert_array_equal(theirs.spikes["relu_a"].reshape(2, 40, 4), result.events["relu_a"][:2])


@pytest.mark.slow
def test_a_trained_network_recognises_digits() -> None:
    import real_material
    import spikeport

    net = spikeport.convert(real_material.model_path("06"), real_material.mnist("train")[0][:256], target="loihi")
    images, labels = real_material.mnist("t10k")
    result = net.run(images[:20], backend="loihi")
    assert (result.output.argmax(axis=1) == labels[:20]).sum() >= 18
