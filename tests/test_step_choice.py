"""The choice of steps: fewer for an easier target, told with its estimate, or refused in one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

import small_files
import spikeport
from calibration_cases import GRAPHS, dense_of, samples_for
from graphs import RELU, graph_of, node, random, report_for
from spikeport import cli
from spikeport.backends import backend_named
from spikeport.converter.ops import Input, Output
from spikeport.converter.spiking import PRESETS, Stages, collect_activations, make_spiking
from spikeport.errors import UsageError
from spikeport.step_choice import _TRIED, choose_rates, choose_steps


def chosen(graph, samples, target_loss: float, max_steps: int = 64, stages: Stages | None = None, n_steps=None):
    """The choice for a graph whose ReLUs are Activations, and how many steps were tried."""
    tried = []
    histograms = collect_activations(graph, samples)

    def make(fitted_on, n_steps, report, tolerates):
        tried.append((n_steps, len(fitted_on[0])))
        return make_spiking(
            graph,
            histograms,
            fitted_on,
            PRESETS["binary"],
            stages=stages or Stages(),
            n_steps=n_steps,
            report=report,
            on_fitted=lambda done, total: None,
            tolerates=tolerates,
        )

    report = report_for(graph)
    if n_steps is not None:
        return choose_rates(make, graph, samples, target_loss, n_steps, report), tried, report
    return choose_steps(make, graph, samples, target_loss, max_steps, report), tried, report


def classifier(function: str = "softmax", classes: int = 4):
    return graph_of(
        node("x", Input(shape=(12,))),
        node("d1", dense_of(random(12, 20)), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense_of(random(20, classes, seed=1)), "r1"),
        node("y", Output(function=function), "d2"),
    )


def test_an_easier_target_takes_fewer_steps():
    graph = classifier()
    samples = samples_for(graph, 200)
    found = [chosen(graph, samples, loss)[0] for loss in (1.5, 6.0, 25.0)]
    steps = [choice.n_steps for choice in found]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > steps[-1]
    for choice, loss in zip(found, (1.5, 6.0, 25.0), strict=True):
        assert choice.estimate <= loss


def test_an_easier_target_takes_fewer_spikes_in_the_same_steps():
    graph = classifier()
    samples = samples_for(graph, 200)
    events = []
    for loss in (3.0, 6.0, 25.0):
        choice, tried, report = chosen(graph, samples, loss, n_steps=32)
        events.append(np.sum(backend_named("cpu").deploy(choice.graph).run(samples, 32).spike_counts["r1"]))
        assert choice.estimate <= loss
        assert tried == [(32, 100)]
        assert {"rates-chosen", "fewest-spikes"} <= {n.code for n in report.build().notes}
    assert events == sorted(events, reverse=True)
    assert events[-1] < events[0] / 2


def test_rates_that_miss_the_target_are_told():
    graph = classifier()
    choice, _, report = chosen(graph, samples_for(graph, 100), 0.001, n_steps=2)
    assert choice.estimate > 0.001
    assert "target-loss-missed" in {n.code for n in report.build().notes}


def test_the_choice_is_told():
    graph = classifier()
    choice, tried, report = chosen(graph, samples_for(graph, 100), 10.0)
    notes = {n.code: n for n in choice.report.build().notes}
    assert set(notes) == {"fitted-to-spikes", "steps-chosen"} | ({"read-out-delayed"} & set(notes))
    assert f"after {choice.n_steps} steps" in notes["steps-chosen"].detail
    assert notes["steps-chosen"].figures == {"held_out_samples": 50}
    assert notes["fitted-to-spikes"].detail == f"for {choice.n_steps} steps"
    assert not report.build().notes  # what was tried before leaves no trace
    assert [n for n, _ in tried] == [n for n in _TRIED if n <= choice.n_steps]
    assert {count for _, count in tried} == {50}  # the other half is held out


@pytest.mark.parametrize("max_steps", [1, 2, 5])
def test_a_target_that_is_missed_is_told(max_steps):
    graph = classifier()
    choice, tried, _ = chosen(graph, samples_for(graph, 100), 0.001, max_steps)
    assert choice.n_steps == tried[-1][0] == max_steps
    assert "target-loss-missed" in [n.code for n in choice.report.build().notes]
    assert choice.estimate > 0.001


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_samples_are_enough(count):
    graph = classifier()
    choice, _, _ = chosen(graph, samples_for(graph, count), 50.0, 16)
    assert 1 <= choice.n_steps <= 16


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_every_kind_of_network_has_a_choice(make):
    graph = make()
    choice, _, _ = chosen(graph, samples_for(graph, 60), 40.0, 64)
    assert [n.code for n in choice.report.build().notes][-1] == "steps-chosen"


@pytest.mark.parametrize(
    ("function", "classes"),
    [("sigmoid", 1), ("log_softmax", 3), ("linear", 3), ("sigmoid", 3), ("linear", 1), ("tanh", 2)],
)
def test_every_kind_of_output_has_a_loss(function, classes):
    graph = classifier(function, classes)
    samples = samples_for(graph, 100)
    easy, hard = (chosen(graph, samples, loss)[0] for loss in (50.0, 3.0))
    assert easy.n_steps < hard.n_steps


def test_calibrated_weights_are_held_against_the_model():
    """Fitted weights move the rate network; what counts is how far the spikes are from the model."""
    graph = GRAPHS["dense"]()
    samples = samples_for(graph, 200)
    choice, _, _ = chosen(graph, samples, 0.0001, 4, Stages(weights=True))
    wrong = graph.rewritten([node("d3", dense_of(-graph.nodes["d3"].op.kernel), "r2")])
    report = report_for(graph)
    other = choose_steps(lambda *_: choice.graph, wrong, samples, 0.0001, 4, report)
    assert other.estimate > 3 * choice.estimate


WRONG = [
    ({"target_loss": 0}, "target_loss in percentage points, above 0, received 0"),
    ({"target_loss": -1.0}, "above 0, received -1"),
    ({"target_loss": 100}, "received 100"),
    ({"target_loss": float("nan")}, "received nan"),
    ({"target_loss": "low"}, "received low"),
    (
        {"target_loss": 1.0, "target_steps": 8, "stages": Stages(rate_scale=2)},
        "received thresholds=fitted, rate_scale=2",
    ),
    ({"target_loss": 1.0, "max_steps": 0}, "max_steps of at least 1, received 0"),
    ({"target_loss": 1.0, "max_steps": 2.5}, "as a whole number, received 2.5"),
    ({"target_loss": 1.0, "calibration": None}, "expected calibration samples with target_loss"),
    ({"target_loss": 1.0, "target": "loihi"}, "received loihi"),
    ({"target_steps": 0}, "target_steps of at least 1, received 0"),
    ({"target_steps": 2.5}, "as a whole number, received 2.5"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[m for _, m in WRONG])
def test_wrong_options_are_refused_in_one_sentence(small_h5, options, message):
    arguments = {"calibration": small_files.samples(8), **options}
    with pytest.raises(UsageError, match=message) as caught:
        spikeport.convert(small_h5, **arguments)
    assert "\n" not in str(caught.value)


def test_a_conversion_keeps_the_steps_and_the_estimate(small_h5, tmp_path):
    net = spikeport.convert(small_h5, small_files.samples(60), target_loss=20.0, max_steps=32)
    assert net.provenance["target_loss"] == 20.0
    assert 0 <= net.provenance["estimated_loss"] <= 20
    net.save(tmp_path / "net.h5")
    loaded = spikeport.load(tmp_path / "net.h5")
    assert loaded.target_steps == net.target_steps
    assert loaded.provenance == net.provenance


def test_max_steps_alone_has_no_effect_and_says_so(small_h5):
    net = spikeport.convert(small_h5, small_files.samples(8), target_steps=2, max_steps=9)
    details = [n.detail for n in net.report.notes if n.code == "option-without-effect"]
    assert details == ["max_steps: it limits the search that target_loss starts"]


# the command line


def convert(small_h5, small_data, tmp_path, *options: str):
    """The report of a conversion on the command line, as JSON."""
    arguments = [
        "convert",
        small_h5,
        "--calibrate",
        small_data,
        "-o",
        tmp_path / "n.h5",
        "--report",
        tmp_path / "r.json",
    ]
    assert cli.main([str(a) for a in (*arguments, *options)]) == 0
    return json.loads((tmp_path / "r.json").read_text())


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--target-loss", "30", "--max-steps", "32"), "steps-chosen"),
        (("--target-loss", "0.0001", "--max-steps", "1"), "target-loss-missed"),
    ],
)
def test_the_command_line_chooses_steps(small_h5, small_data, tmp_path, options, code, capsys):
    report = convert(small_h5, small_data, tmp_path, *options)
    assert code in [n["code"] for n in report["notes"]]
    assert spikeport.load(tmp_path / "n.h5").target_steps <= 32
    assert code in capsys.readouterr().out


def test_the_command_line_sets_stages(small_h5, small_data, tmp_path):
    stages = ("--stage", "thresholds=mmse", "--stage", "potential=off", "--stage", "initial_voltage=zero")
    report = convert(small_h5, small_data, tmp_path, *stages)
    assert any(n["code"] == "thresholds-from-data" and n["detail"].startswith("mmse") for n in report["notes"])
    figures = next(entry["figures"] for entry in report["layers"] if entry["name"] == "conv")
    assert figures["error_after"].startswith("rule")
    assert "fitted" not in figures["error_after"]
    net = spikeport.load(tmp_path / "n.h5")
    assert np.all(net.graph.nodes["conv"].op.initial_voltage == 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--stage", "purple=on"), "expected a stage as NAME=VALUE"),
        (("--stage", "thresholds=largest"), "stage thresholds: expected one of"),
        (("--target-loss", "1", "--steps", "4", "--stage", "thresholds=mmse"), "received thresholds=mmse"),
        (("--target-loss", "0"), "above 0"),
        (("--target-loss", "1", "--max-steps", "0"), "at least 1, received 0"),
    ],
)
def test_the_command_line_refuses_in_one_sentence(small_h5, small_data, tmp_path, capsys, options, message):
    arguments = ["convert", small_h5, "--calibrate", small_data, "-o", tmp_path / "n.h5", *options]
    assert cli.main([str(a) for a in arguments]) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error
    assert not (tmp_path / "n.h5").exists()
