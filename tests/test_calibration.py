"""Calibration: percentiles of any number of samples in a memory that does not grow, channel by channel."""

from __future__ import annotations

import numpy as np
import pytest

from graphs import IMAGE, OUTPUT, RELU, conv, dense, feeds_for, graph_of, node, random, report_for
from spikeport.converter.ops import Activation, Neurons, Reshape
from spikeport.converter.spiking import PRESETS, ActivationHistogram, Stages, collect_activations
from spikeport.converter.spiking.insert_neurons import insert_neurons

RULE = {"stages": Stages.without_spikes(), "n_steps": 16}
TOLERANCE = 0.022  # a bin is a 32nd of an octave wide
DISTRIBUTIONS = {
    "exponential": lambda rng, size: rng.exponential(0.7, size),
    "uniform": lambda rng, size: rng.uniform(0, 3, size),
    "wide": lambda rng, size: rng.lognormal(0, 4, size),
    "tiny": lambda rng, size: rng.exponential(1e-9, size),
    "huge": lambda rng, size: rng.exponential(1e9, size),
    "mostly negative": lambda rng, size: rng.normal(-1, 1, size),
    "few values": lambda rng, size: rng.choice([0.0, 0.5, 2.0], size),
}


def histogram_of(values: np.ndarray, batch: int = 1000) -> ActivationHistogram:
    histogram = ActivationHistogram(values.shape[-1])
    for start in range(0, len(values), batch):
        histogram.add(values[start : start + batch])
    return histogram


@pytest.mark.parametrize("percent", [50.0, 99.0, 99.9, 100.0])
@pytest.mark.parametrize("draw", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_percentiles_are_those_of_numpy(draw, percent):
    values = draw(np.random.default_rng(4), (4001, 3))
    found = histogram_of(values).percentile(percent)
    for channel in range(3):
        positive = values[:, channel][values[:, channel] > 0]
        exact = np.percentile(positive, percent, method="inverted_cdf")
        assert exact <= found[channel] * (1 + 1e-9)
        assert found[channel] <= exact * (1 + TOLERANCE)


def test_the_memory_does_not_grow_with_the_samples():
    histogram = ActivationHistogram(3)
    sizes = []
    for seed in range(3):
        histogram.add(random(5000, 3, seed=seed))
        sizes.append(sum(v.nbytes for v in vars(histogram).values() if isinstance(v, np.ndarray)))
    assert sizes[0] <= sizes[-1] < 1.5 * sizes[0] < 3 * 2560 * 16
    assert histogram.values_seen == 15000


def test_the_batches_make_no_difference():
    values = random(1001, 4)
    few, many = histogram_of(values, 7), histogram_of(values, 1001)
    for percent in (30, 99, 100):
        assert np.array_equal(few.percentile(percent), many.percentile(percent))


def test_all_places_of_a_map_count():
    values = random(11, 3, 5, 2)
    assert np.array_equal(histogram_of(values).percentile(90), histogram_of(values.reshape(-1, 2)).percentile(90))


def test_a_channel_that_was_never_active_has_no_percentile():
    values = np.abs(random(50, 3))
    values[:, 1] = -1
    for percent in (99.0, 100.0):
        found = histogram_of(values).percentile(percent)
        assert found[1] == 0
        assert np.all(found[[0, 2]] > 0)


def network():
    return graph_of(
        node("x", IMAGE),
        node("c", conv(), "x"),
        node("r", RELU, "c"),
        node("flat", Reshape(shape=(105,)), "r"),
        node("d", dense(105, 4), "flat"),
        node("tanh", Activation(function="tanh"), "d"),
        node("s", RELU, "tanh"),
        node("y", OUTPUT, "s"),
    )


def test_every_relu_is_measured_and_nothing_else():
    graph = network()
    samples = feeds_for(graph, 300)["x"]
    done: list[int] = []
    histograms = collect_activations(graph, [samples], done.append)
    values = graph.evaluate({"x": samples}, keep=["r", "s"])
    assert set(histograms) == {"r", "s"}
    for name, histogram in histograms.items():
        assert np.array_equal(histogram.maximum, values[name].reshape(-1, values[name].shape[-1]).max(axis=0))
    assert sum(done) == 300


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_thresholds_are_the_percentile_times_the_factor(preset):
    graph = network()
    histograms = collect_activations(graph, [feeds_for(graph, 50)["x"]])
    report = report_for(graph)
    result = insert_neurons(graph, histograms, preset, report, **RULE)
    assert [n.name for n in result.nodes.values() if isinstance(n.op, Neurons)] == ["r", "s"]
    neurons = result.nodes["r"].op
    np.testing.assert_allclose(neurons.scale, histograms["r"].percentile(preset.percentile), rtol=1e-6)
    np.testing.assert_allclose(neurons.threshold, neurons.scale * preset.threshold_factor, rtol=1e-6)
    assert (neurons.n_min, neurons.n_max) == (preset.n_min, preset.n_max)
    figures = {entry.layer: entry.figures for entry in report.build().layers}
    assert figures["r"]["neurons"] == 105
    assert figures["s"]["neurons"] == 4


def test_a_silent_channel_takes_the_largest_threshold():
    graph = graph_of(node("x", IMAGE), node("r", RELU, "x"), node("y", OUTPUT, "r"))
    samples = np.abs(random(20, 5, 7, 2))
    samples[..., 1] *= -1
    report = report_for(graph)
    result = insert_neurons(graph, collect_activations(graph, [samples]), PRESETS["binary"], report, **RULE)
    threshold = result.nodes["r"].op.threshold
    assert threshold[1] == threshold[0] > 0
    assert [(note.code, note.detail) for note in report.build().notes] == [("channel-never-active", "1 channels")]


def test_a_layer_that_was_never_active_has_thresholds_all_the_same():
    graph = graph_of(node("x", IMAGE), node("r", RELU, "x"), node("y", OUTPUT, "r"))
    histograms = collect_activations(graph, [-np.abs(random(20, 5, 7, 2))])
    result = insert_neurons(graph, histograms, PRESETS["graded"], report_for(graph), **RULE)
    assert np.all(result.nodes["r"].op.threshold > 0)


def test_a_network_without_relus_says_so():
    graph = graph_of(node("x", IMAGE), node("c", conv(), "x"), node("y", OUTPUT, "c"))
    report = report_for(graph)
    assert insert_neurons(graph, {}, PRESETS["graded"], report, **RULE) is graph
    assert [note.code for note in report.build().notes] == ["no-neurons"]
