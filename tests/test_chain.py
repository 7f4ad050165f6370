"""The chain on whole graphs: nearer to the model than a rule, repeatable, and right for every shape of network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import small_files
import spikeport
from calibration_cases import GRAPHS, calibrated, chain_of_dense, output_error, populations, residual, samples_for
from graphs import OUTPUT, dense, graph_of, node
from spikeport.backends import backend_named
from spikeport.converter.ops import Input, Output
from spikeport.converter.spiking import PRESETS, Stages

each_graph = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
RULE = Stages.without_spikes()
N_STEPS = 8


def same(first, second) -> bool:
    """Whether two spiking graphs have the same neurons and read-outs."""
    one, other = populations(first), populations(second)
    starts = [[p.op.start for p in graph.nodes.values() if isinstance(p.op, Output)] for graph in (first, second)]
    return starts[0] == starts[1] and all(
        np.array_equal(getattr(one[name], field), getattr(other[name], field))
        for name in one
        for field in ("threshold", "initial_voltage", "correction")
    )


@pytest.mark.parametrize(("preset", "gain"), [("binary", 0.92), ("graded", 0.6)])
def test_new_samples_come_nearer_to_the_model_than_with_the_rule(preset, gain):
    """On the whole: the fit looks at one layer at a time, and what is cut off there adds up in the next."""
    ratios = []
    for make in GRAPHS.values():
        graph = make()
        samples, unseen = samples_for(graph, 800), samples_for(graph, 400, seed=10)
        rule, _ = calibrated(graph, samples, preset=preset, n_steps=N_STEPS, stages=RULE)
        chain, _ = calibrated(graph, samples, preset=preset, n_steps=N_STEPS, stages=Stages(samples=800))
        ratios.append(output_error(chain, unseen, N_STEPS) / output_error(rule, unseen, N_STEPS))
    assert np.exp(np.mean(np.log(ratios))) < gain
    assert max(ratios) < 1.15


@each_graph
@pytest.mark.parametrize(("count", "limit"), [(8, 1.3), (30, 1.5), (128, 1.3)])
def test_few_samples_do_not_cut_off_new_ones(make, count, limit):
    graph = make()
    samples, unseen = samples_for(graph, count), samples_for(graph, 400, seed=10)
    for preset in ("binary", "graded"):
        rule, _ = calibrated(graph, samples, preset=preset, n_steps=N_STEPS, stages=RULE)
        chain, _ = calibrated(graph, samples, preset=preset, n_steps=N_STEPS)
        assert output_error(chain, unseen, N_STEPS) < limit * output_error(rule, unseen, N_STEPS)


@each_graph
@pytest.mark.parametrize("preset", ["binary", "graded"])
def test_the_error_still_goes_to_zero_as_the_steps_grow(make, preset):
    graph = make()
    samples = samples_for(graph, 40)
    chain, _ = calibrated(graph, samples, preset=preset, n_steps=16)
    # values beyond a threshold stay cut off however many steps there are: what a fit for few steps gives up for good
    limits = {name: op.threshold * op.n_max for name, op in populations(chain).items()}
    rates = graph.evaluate({p.name: x for p, x in zip(graph.inputs, samples, strict=True)}, keep=limits)
    within = np.ones(len(samples[0]), bool)
    for name, limit in limits.items():
        within &= (rates[name] < 0.98 * limit).reshape(len(within), -1).all(axis=1)
    inside = [x[within] for x in samples]
    assert within.sum() >= 3
    assert output_error(chain, inside, 1024) < 0.25 * output_error(chain, inside, 16)
    assert output_error(chain, samples, 512) < output_error(chain, samples, 16)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_kind_of_neuron_is_calibrated(preset):
    graph = residual()
    samples = samples_for(graph, 80)
    rule, _ = calibrated(graph, samples, preset=preset, n_steps=N_STEPS, stages=RULE)
    chain, report = calibrated(graph, samples, preset=preset, n_steps=N_STEPS)
    lossy = not next(iter(populations(chain).values())).follows_rate
    entries = {entry.layer: entry for entry in report.layers}
    assert (entries["r1"].code == "neurons-lose-rate") == lossy
    told = dict(part.removesuffix(" %").split() for part in entries["r1"].figures["error_after"].split(", "))
    assert float(told["potential"]) < float(told["rule"])  # a population that receives the samples themselves
    assert ("bias" in told) == lossy
    if not lossy:  # the others lose so much in each layer that the next one inherits more than it can mend
        assert output_error(chain, samples, N_STEPS) < output_error(rule, samples, N_STEPS)


def test_the_same_seed_gives_the_same_network():
    graph = residual()
    samples = samples_for(graph, 200)
    first, report = calibrated(graph, samples)
    second, again = calibrated(graph, samples)
    assert same(first, second)
    assert report == again


def test_another_seed_takes_other_samples():
    graph = residual()
    samples = samples_for(graph, 200)
    first, _ = calibrated(graph, samples, stages=Stages(samples=40))
    other, _ = calibrated(graph, samples, stages=Stages(samples=40, seed=1))
    assert not same(first, other)


@each_graph
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_samples_are_enough(make, count):
    graph = make()
    samples = samples_for(graph, count)
    chain, report = calibrated(graph, samples, stages=Stages(weights=True))
    assert np.isfinite(output_error(chain, samples, N_STEPS))
    assert output_error(chain, samples, 512) < 0.6
    assert [n.figures["samples"] for n in report.notes if n.code == "fitted-to-spikes"] == [count]


@each_graph
def test_one_step_is_enough(make):
    graph = make()
    samples = samples_for(graph)
    rule, _ = calibrated(graph, samples, n_steps=1, stages=RULE)
    chain, _ = calibrated(graph, samples, n_steps=1)
    assert output_error(chain, samples, 1) <= output_error(rule, samples, 1)
    assert all(p.op.start == 0 for p in chain.nodes.values() if isinstance(p.op, Output))


def test_a_network_without_neurons_is_left_as_it_is():
    graph = graph_of(node("x", Input(shape=(4,))), node("d", dense(4, 2), "x"), node("y", OUTPUT, "d"))
    made, report = calibrated(graph, samples_for(graph))
    assert made is graph
    assert [n.code for n in report.notes] == ["no-neurons"]


@each_graph
def test_the_rate_network_stays_the_models(make):
    graph = make()
    samples = samples_for(graph)
    chain, _ = calibrated(graph, samples, stages=Stages(bias=True))
    feeds = {p.name: x for p, x in zip(graph.inputs, samples, strict=True)}
    wanted, found = graph.evaluate(feeds), chain.evaluate(feeds)
    for name in graph.outputs.values():
        np.testing.assert_array_equal(found[name], wanted[name])


# stage → what it adds to the errors that the report tells of each layer
TOLD = [
    (Stages(), ["rule", "fitted", "potential"]),
    (Stages(bias=True), ["rule", "fitted", "bias", "potential"]),
    (Stages(potential=False), ["rule", "fitted"]),
    (Stages(thresholds="mmse", initial_voltage="half"), ["rule", "potential"]),
    (Stages(thresholds="balanced", initial_voltage="half", potential=False), ["rule"]),
]


@pytest.mark.parametrize(("stages", "names"), TOLD)
def test_each_stage_is_followed_by_the_error_of_every_layer(stages, names):
    graph = residual()
    _, report = calibrated(graph, samples_for(graph), stages=stages)
    for entry in report.layers:
        if entry.layer not in ("r1", "r2", "r3"):
            continue
        assert [part.split()[0] for part in entry.figures["error_after"].split(", ")] == names
        assert set(entry.figures) >= {"neurons", "threshold", "error_from", "reduced_by", "events"}
        shares = [float(part.split(": ")[1].rstrip(" %")) for part in entry.figures["events"].split(", ")]
        assert abs(sum(shares) - 100) < 2
    assert any(n.code == "fitted-to-spikes" for n in report.notes) == stages.fits_neurons


def test_without_spikes_nothing_is_told_of_them():
    graph = residual()
    _, report = calibrated(graph, samples_for(graph), stages=RULE)
    assert not any("error_after" in entry.figures for entry in report.layers)
    assert not report.notes


def test_bias_calibration_is_an_approximation():
    graph = residual()
    _, report = calibrated(graph, samples_for(graph), stages=Stages(bias=True, initial_voltage="zero"), n_steps=4)
    assert "bias-calibrated" in [entry.code for entry in report.layers]
    _, report = calibrated(graph, samples_for(graph))
    assert "bias-calibrated" not in [entry.code for entry in report.layers]


def test_populations_of_one_layer_are_told_side_by_side():
    graph = chain_of_dense()
    graph = graph.rewritten([replace(graph.nodes["r2"], layers=("r1",))])
    _, report = calibrated(graph, samples_for(graph))
    figures = {entry.layer: entry.figures for entry in report.layers}["r1"]
    assert figures["error_after"].count("rule") == 2
    assert "; " in figures["threshold"]


def test_progress_is_told_for_every_population():
    from graphs import report_for
    from spikeport.converter.spiking import collect_activations, make_spiking

    graph, told = residual(), []
    samples = samples_for(graph)
    make_spiking(
        graph,
        collect_activations(graph, samples),
        samples,
        PRESETS["binary"],
        stages=Stages(),
        n_steps=4,
        report=report_for(graph),
        on_fitted=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("target", ["cpu", "loihi"])
def test_a_conversion_takes_stages(small_h5, target):
    x = small_files.samples(24)
    default = spikeport.convert(small_h5, x, target=target, target_steps=4)
    plain = spikeport.convert(small_h5, x, target=target, target_steps=4, stages=Stages(thresholds="maximum"))
    details = [next(n.detail for n in net.report.notes if n.code == "thresholds-from-data") for net in (default, plain)]
    assert details[0].startswith("percentile 99")
    assert details[1].startswith("maximum")
    assert not same(default.graph, plain.graph)


def test_a_saved_network_keeps_what_the_chain_found(small_h5, tmp_path):
    x = small_files.samples(24)
    net = spikeport.convert(small_h5, x, target_steps=4, stages=Stages(bias=True))
    net.save(tmp_path / "net.h5")
    loaded = spikeport.load(tmp_path / "net.h5")
    assert same(net.graph, loaded.graph)
    assert np.array_equal(net.run(x).output, loaded.run(x).output)
    assert [entry.figures for entry in loaded.report.layers] == [entry.figures for entry in net.report.layers]


def test_cpu_and_nengo_agree_after_the_chain():
    graph = residual()
    samples = samples_for(graph)
    chain, _ = calibrated(graph, samples, stages=Stages(bias=True))
    part = [x[:2] for x in samples]
    cpu, nengo = (backend_named(name).deploy(chain).run(part, N_STEPS).outputs["y"] for name in ("cpu", "nengo"))
    np.testing.assert_allclose(cpu, nengo, atol=1e-4)
