"""The read-out window: which start is chosen, and what each backend and a file make of it."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

import small_files
import spikeport
from calibration_cases import calibrated, chain_of_dense, samples_for
from spikeport.backends import backend_named
from spikeport.backends.read_out import read_out_mean
from spikeport.converter.dynamics import Signal
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Output
from spikeport.converter.spiking import Stages
from spikeport.converter.spiking.read_out import fit_read_out
from spikeport.network import SpikingNetwork

N_STEPS = 9


def with_start(graph: Graph, start: int) -> Graph:
    return graph.rewritten(
        replace(place, op=replace(place.op, start=start))
        for place in graph.nodes.values()
        if isinstance(place.op, Output)
    )


def late(silent: int, n_steps: int = 16) -> tuple[Signal, np.ndarray]:
    """A current that is 0 first and then right."""
    target = np.random.default_rng(0).normal(0, 1, (30, 4)).astype(np.float32)
    current = np.repeat(target[None], n_steps, axis=0)
    current[:silent] = 0
    return Signal(current, False), target


@pytest.mark.parametrize("silent", [0, 1, 3, 8])
def test_the_silent_steps_are_left_out(silent):
    assert fit_read_out(Output(), *late(silent)).start == silent


def test_at_most_half_of_the_steps_are_left_out():
    assert fit_read_out(Output(), *late(12)).start == 8


def test_a_little_noise_leaves_the_window_whole():
    current, target = late(0)
    noise = np.random.default_rng(1).normal(0, 1, current.values.shape).astype(np.float32)
    assert fit_read_out(Output(), Signal(current.values + noise, False), target).start == 0


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_few_steps_leave_some(n_steps):
    assert fit_read_out(Output(), *late(n_steps, n_steps)).start < n_steps


def test_the_last_activation_is_kept():
    op = Output(function="softmax", arguments={})
    found = fit_read_out(op, *late(3))
    assert (found.function, found.start) == ("softmax", 3)


@pytest.mark.parametrize("start", [0, 1, 4, 8, 20])
def test_the_window_grows_from_its_start(start):
    values = np.random.default_rng(2).normal(0, 1, (N_STEPS, 3, 2))
    found = read_out_mean(values, start)
    for t in range(N_STEPS):
        first = start if t >= start else 0
        np.testing.assert_allclose(found[t], values[first : t + 1].mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("start", [0, 1, 4, 8, 20])
def test_cpu_and_nengo_agree_at_every_step(start):
    chain, _ = calibrated(chain_of_dense(), samples_for(chain_of_dense()))
    graph = with_start(chain, start)
    samples = [x[:2] for x in samples_for(graph)]
    runs = [backend_named(name).deploy(graph).run(samples, N_STEPS) for name in ("cpu", "nengo")]
    cpu, nengo = (run.outputs_over_time["y"] for run in runs)
    np.testing.assert_allclose(cpu, nengo, atol=1e-4)
    whole = backend_named("cpu").deploy(with_start(chain, 0)).run(samples, N_STEPS).outputs_over_time["y"]
    np.testing.assert_array_equal(cpu[:, : min(start, N_STEPS)], whole[:, : min(start, N_STEPS)])
    if 0 < start < N_STEPS:
        assert not np.allclose(cpu[:, start:], whole[:, start:])


# find_spec, since pytest.importorskip would import nengo-loihi unmended
@pytest.mark.skipif(find_spec("nengo_loihi") is None, reason="needs nengo-loihi")
def test_loihi_has_a_window_of_its_own(small_h5):
    x = small_files.samples(12)
    net = spikeport.convert(small_h5, x, target="loihi", target_steps=16)
    outputs = []
    for start in (0, 6):
        moved = SpikingNetwork(
            graph=with_start(net.graph, start), report=net.report, target_steps=16, provenance=net.provenance
        )
        outputs.append(moved.run(x[:2], n_steps=40, backend="loihi", calibration=x).output)
    np.testing.assert_array_equal(*outputs)


def test_a_file_keeps_the_start(small_h5, tmp_path):
    x = small_files.samples(12)
    net = spikeport.convert(small_h5, x, target_steps=8)
    moved = SpikingNetwork(graph=with_start(net.graph, 3), report=net.report, target_steps=8, provenance=net.provenance)
    moved.save(tmp_path / "net.h5")
    loaded = spikeport.load(tmp_path / "net.h5")
    assert [p.op.start for p in loaded.graph.nodes.values() if isinstance(p.op, Output)] == [3]
    np.testing.assert_array_equal(loaded.run(x).output, moved.run(x).output)


def deep() -> Graph:
    """Many layers, through which nothing goes in the first steps: their voltages start at zero."""
    from calibration_cases import VECTOR
    from graphs import OUTPUT, RELU, dense, graph_of, node

    nodes, last, width = [node("x", VECTOR)], "x", 12
    for k in range(6):
        nodes += [node(f"d{k}", dense(width, 16, seed=k, bias=False), last), node(f"r{k}", RELU, f"d{k}")]
        last, width = f"r{k}", 16
    return graph_of(*nodes, node("d", dense(16, 3, bias=False), last), node("y", OUTPUT, "d"))


@pytest.mark.parametrize("read_out", ["fitted", "whole"])
def test_a_deep_network_is_read_later_where_that_may_be(read_out):
    graph = deep()
    stages = Stages(thresholds="percentile", initial_voltage="zero", potential=False, read_out=read_out)
    made, report = calibrated(graph, samples_for(graph, 100), n_steps=16, stages=stages)
    start = made.nodes["y"].op.start
    codes = [n.code for n in report.notes]
    assert (start > 0) == ("read-out-delayed" in codes) == (read_out == "fitted")
