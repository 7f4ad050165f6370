"""Graphs, trials and calibrations that several tests of the calibration chain use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphs import OUTPUT, RELU, conv, dense, graph_of, node, random, report_for
from spikeport.backends import backend_named
from spikeport.converter.dynamics import Signal
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Add, Array, Concatenate, Input, MaxPool, Neurons, Output, Reshape
from spikeport.converter.report import Report
from spikeport.converter.spiking import PRESETS, Stages, collect_activations, make_spiking
from spikeport.converter.spiking.fit import Trial

VECTOR = Input(shape=(12,))
IMAGE = Input(shape=(6, 5, 2))


def chain_of_dense() -> Graph:
    return graph_of(
        node("x", VECTOR),
        node("d1", dense(12, 20), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense(20, 16, seed=1), "r1"),
        node("r2", RELU, "d2"),
        node("d3", dense(16, 4, seed=2), "r2"),
        node("y", OUTPUT, "d3"),
    )


def residual() -> Graph:
    """An Add of two populations, whose channels have scales of their own."""
    return graph_of(
        node("x", IMAGE),
        node("c1", conv(2, 3), "x"),
        node("r1", RELU, "c1"),
        node("c2", conv(3, 3, seed=1), "r1"),
        node("r2", RELU, "c2"),
        node("sum", Add(), "r1", "r2"),
        node("flat", Reshape(shape=(90,)), "sum"),
        node("d", dense(90, 5), "flat"),
        node("r3", RELU, "d"),
        node("end", dense(5, 3), "r3"),
        node("y", OUTPUT, "end"),
    )


def side_by_side() -> Graph:
    """A Concatenate of a population with large values and one with small ones."""
    return graph_of(
        node("x", VECTOR),
        node("d1", dense(12, 6), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense(12, 6, seed=4), "x"),
        node("small", dense_of(np.eye(6, dtype=np.float32) * 0.01), "d2"),
        node("r2", RELU, "small"),
        node("both", Concatenate(axis=0), "r1", "r2"),
        node("d3", dense_of(np.concatenate([random(6, 4), 100 * random(6, 4, seed=3)])), "both"),
        node("r3", RELU, "d3"),
        node("d4", dense(4, 3, seed=5), "r3"),
        node("y", OUTPUT, "d4"),
    )


def two_inputs() -> Graph:
    return graph_of(
        node("x", VECTOR),
        node("x2", Input(shape=(7,))),
        node("d1", dense(12, 8), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense(7, 8, seed=1), "x2"),
        node("r2", RELU, "d2"),
        node("sum", Add(), "r1", "r2"),
        node("d3", dense(8, 3), "sum"),
        node("y", OUTPUT, "d3"),
    )


def two_outputs() -> Graph:
    """One output reads neurons through a layer, the other the current into the neurons as well."""
    return graph_of(
        node("x", VECTOR),
        node("d1", dense(12, 8), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense(8, 6, seed=1), "r1"),
        node("r2", RELU, "d2"),
        node("d3", dense(6, 3, seed=2), "r2"),
        node("y", OUTPUT, "d3"),
        node("y2", Output(function="softmax"), "d2"),
        outputs=("y", "y2"),
    )


def relu_at_the_end() -> Graph:
    return graph_of(
        node("x", VECTOR),
        node("d1", dense(12, 8), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense(8, 5, seed=1), "r1"),
        node("r2", RELU, "d2"),
        node("y", OUTPUT, "r2"),
    )


def pooled() -> Graph:
    """Max pooling of spikes: an op that is neither linear nor a population."""
    return graph_of(
        node("x", IMAGE),
        node("c1", conv(2, 3), "x"),
        node("r1", RELU, "c1"),
        node("pool", MaxPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 1))), "r1"),
        node("c2", conv(3, 4, seed=3), "pool"),
        node("r2", RELU, "c2"),
        node("flat", Reshape(shape=(36,)), "r2"),
        node("d", dense(36, 3), "flat"),
        node("y", OUTPUT, "d"),
    )


GRAPHS: Mapping[str, Callable[[], Graph]] = {
    "dense": chain_of_dense,
    "add": residual,
    "concatenate": side_by_side,
    "two inputs": two_inputs,
    "two outputs": two_outputs,
    "relu at the end": relu_at_the_end,
    "max pooling": pooled,
}


def dense_of(kernel: Array) -> Any:
    """A Dense without bias that has this kernel."""
    from spikeport.converter.ops import Dense

    return Dense(kernel=kernel.astype(np.float32))


def samples_for(graph: Graph, count: int = 60, seed: int = 9) -> list[Array]:
    return [random(count, *place.shape, seed=seed) for place in graph.inputs]


def calibrated(
    graph: Graph,
    samples: list[Array],
    *,
    preset: str = "binary",
    n_steps: int = 8,
    stages: Stages | None = None,
) -> tuple[Graph, Report]:
    """The spiking graph after the chain, and what it told."""
    report = report_for(graph)
    made = make_spiking(
        graph,
        collect_activations(graph, samples),
        samples,
        PRESETS[preset],
        stages=stages or Stages(rate_scale=1.0),  # the least error, not the fewest spikes
        n_steps=n_steps,
        report=report,
        on_fitted=lambda done, total: None,
    )
    return made, report.build()


def output_error(graph: Graph, samples: list[Array], n_steps: int) -> float:
    """The root of the mean squared error of all outputs, as a share of the model's."""
    found = backend_named("cpu").deploy(graph).run(samples, n_steps).outputs
    wanted = graph.evaluate({place.name: x for place, x in zip(graph.inputs, samples, strict=True)})
    errors = [np.mean((found[name] - wanted[place]) ** 2) for name, place in graph.outputs.items()]
    powers = [np.mean(wanted[place] ** 2) for place in graph.outputs.values()]
    return float(np.sqrt(np.sum(errors) / np.sum(powers)))


def populations(graph: Graph) -> dict[str, Neurons]:
    return {place.name: place.op for place in graph.nodes.values() if isinstance(place.op, Neurons)}


def neurons(channels: int = 1, **arguments: Any) -> Neurons:
    """Plain neurons with a threshold of 1, unless the arguments say otherwise."""
    theta = np.broadcast_to(np.asarray(arguments.pop("threshold", 1.0), np.float32), (channels,))
    return Neurons(threshold=theta, scale=theta, **arguments)


def constant_trial(mean: Array, n_steps: int) -> Trial:
    """A trial whose currents never change and are the activations: ``mean`` is ``(places, channels)``."""
    values = mean.astype(np.float32)
    return Trial(Signal(values[None], True), np.maximum(values, 0), n_steps)


def spiky_trial(n_steps: int = 16, places: int = 400, channels: int = 3, seed: int = 0) -> Trial:
    """A trial with currents as spikes bring them: random at each step, and right on the whole."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(0.2, 0.4, (places, channels))
    current = (mean + rng.normal(0, 0.5, (n_steps, places, channels))).astype(np.float32)
    return Trial(Signal(current, False), np.maximum(current.mean(axis=0), 0), n_steps)
