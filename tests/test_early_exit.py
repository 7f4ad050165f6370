"""Early exit: confidence, runs in stretches that equal whole ones, thresholds from samples, scores, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import small_files
import spikeport
from graphs import conv, dense, graph_of, node
from neuron_cases import one_population, population
from spikeport import DataError, EarlyExit, Poisson, RunResult, UsageError, calibrate_exit
from spikeport.backends.cpu.backend import CpuBackend
from spikeport.backends.early_exit import Confidence
from spikeport.backends.read_out import RunningMean, read_out_mean
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Activation, Input, Neurons, Output, Reshape, RunningSums, as_rate_domain
from spikeport.converter.spiking import PRESETS
from spikeport.exit_calibration import _harmful_up_to

NEVER = float("inf")
LN2 = float(np.log(2))


# Confidence: rule, last activation, start of the read-out, values (steps, classes) and what comes out
CONFIDENCE: dict[str, tuple[str, str, int, list[list[float]], list[float]]] = {
    "lead of values": ("margin", "linear", 0, [[1, 3, 2], [5, 3, 2]], [1, 4]),
    "lead of a softmax": ("margin", "softmax", 0, [[0.25, 0.5, 0.25], [0.2, 0.4, 0.4]], [LN2, 0]),
    "lead of a sigmoid": ("margin", "sigmoid", 0, [[0.8], [0.2]], [2 * LN2, 4 * LN2]),
    "lead after a silence": ("margin", "linear", 2, [[9, 0], [9, 0], [1, 3], [1, 3]], [-np.inf, -np.inf, 2, 4]),
    "probability of a softmax": ("probability", "softmax", 0, [[0.2, 0.7, 0.1]], [0.7]),
    "probability of logits": ("probability", "linear", 0, [[1000 + LN2, 1000]], [2 / 3]),
    "probability of logarithms": ("probability", "log_softmax", 0, [[-LN2, -2 * LN2, -2 * LN2]], [0.5]),
    "probability of a sigmoid": ("probability", "sigmoid", 0, [[0.3], [0.9]], [0.7, 0.9]),
    "stable": ("stable", "linear", 0, [[1, 0], [2, 1], [0, 1], [0, 2], [0, 3]], [1, 2, 1, 2, 3]),
    "stable after a silence": ("stable", "linear", 1, [[1, 0], [2, 1]], [-np.inf, 2]),
}


@pytest.mark.parametrize(("rule", "function", "start", "values", "expected"), CONFIDENCE.values(), ids=CONFIDENCE)
def test_confidence(rule, function, start, values, expected):
    outputs = np.array(values, np.float64)[:, None]
    assert Confidence(rule, function, start).of_more(outputs)[:, 0] == pytest.approx(expected)
    cut = Confidence(rule, function, start)
    each = np.concatenate([cut.of_more(row) for row in np.split(outputs, len(outputs))])
    assert each[:, 0] == pytest.approx(expected)


def test_a_certain_softmax_has_a_finite_lead():
    assert np.isfinite(Confidence("margin", "softmax").of_more(np.array([[[1.0, 0.0]]]))).all()


# What nodes remember


@pytest.mark.parametrize("start", [0, 1, 3, 5, 9])
@pytest.mark.parametrize("cuts", [(1,), (2, 4), (1, 2, 3, 4, 5, 6), (3,), (5,)], ids=str)
def test_a_mean_goes_on_where_it_stopped(start, cuts):
    values = np.random.default_rng(0).normal(size=(7, 2, 3))
    mean = RunningMean(start)
    parts = [mean.of_more(part) for part in np.split(values, cuts)]
    assert np.array_equal(np.concatenate(parts), read_out_mean(values, start))
    assert np.allclose(parts[-1][-1], values[start if start < 7 else 0 :].mean(axis=0))


@pytest.mark.parametrize("cuts", [(1,), (2, 4), (1, 2, 3, 4, 5, 6)], ids=str)
def test_the_rate_domain_goes_on_where_it_stopped(cuts):
    op, values = Activation(function="softmax"), np.random.default_rng(0).normal(size=(7, 2, 3))
    so_far = RunningSums()
    parts = [as_rate_domain(op, part, so_far=so_far) for part in np.split(values, cuts)]
    assert np.array_equal(np.concatenate(parts), as_rate_domain(op, values))


# Runs in stretches


def all_kinds(neurons: Neurons, start: int = 0) -> Graph:
    """Neurons before and after an op in the rate domain, beside a constant branch, and a read-out of classes."""
    theta = np.ones(1, np.float32)
    one = replace(neurons, threshold=theta, scale=theta)
    head = dense(50, 4, bias=False)
    return graph_of(
        node("x", Input(shape=(5, 5, 2), low=-1.0, high=1.0)),
        node("a", conv(), "x"),
        node("r", one, "a"),
        node("h", Activation(function="tanh"), "r"),
        node("b", conv(3, 2, seed=1), "h"),
        node("s", one, "b"),
        node("f", Reshape(shape=(50,)), "s"),
        node("d", replace(head, kernel=head.kernel / 12), "f"),
        node("y", Output(function="softmax", start=start), "d"),
    )


X = np.random.default_rng(1).normal(size=(9, 5, 5, 2)).astype(np.float32)
SEQUENCE = np.random.default_rng(2).normal(size=(9, 13, 5, 5, 2)).astype(np.float32)
INPUTS: dict[str, tuple[Any, Any]] = {"constant": (X, None), "sequence": (SEQUENCE, None), "poisson": (X, "poisson")}
each_input = pytest.mark.parametrize(("x", "encoder"), INPUTS.values(), ids=INPUTS)
RECORD = ("r", "s")


def run(graph: Graph, x: Any, encoder: Any, **options: Any) -> RunResult:
    return CpuBackend().deploy(graph, **options).run([x], 13, encoder=encoder, record=RECORD)


def assert_cut_at_the_exit(early: RunResult, whole: RunResult) -> None:
    """Outputs, events and counts are those of the whole run up to the steps taken."""
    for sample, taken in enumerate(early.steps_taken):
        for name, values in whole.outputs_over_time.items():
            assert np.array_equal(early.outputs_over_time[name][sample, :taken], values[sample, :taken])
            assert (early.outputs_over_time[name][sample, taken:] == values[sample, taken - 1]).all()
            assert np.array_equal(early.outputs[name][sample], values[sample, taken - 1])
        for name, events in whole.events.items():
            sent = events[sample, :taken]
            assert np.array_equal(early.events[name][sample, :taken], sent)
            assert not early.events[name][sample, taken:].any()
            assert early.spike_counts[name][sample] == np.count_nonzero(sent)


@each_input
@pytest.mark.parametrize("name", PRESETS)
def test_a_run_in_stretches_equals_a_whole_one(name, x, encoder):
    theta = np.ones(1, np.float32)
    graph = all_kinds(PRESETS[name].neurons(theta, theta), start=3)
    whole, stretches = run(graph, x, encoder, seed=3), run(graph, x, encoder, seed=3, exit=EarlyExit(threshold=NEVER))
    assert (stretches.steps_taken == 13).all()
    assert whole.steps_taken is None
    assert_cut_at_the_exit(stretches, whole)
    assert stretches.synaptic_operations == pytest.approx(whole.synaptic_operations)
    for counted in ("spike_counts", "events"):
        for place, values in getattr(whole, counted).items():
            assert np.array_equal(getattr(stretches, counted)[place], values)
    if encoder:
        assert np.array_equal(stretches.input_events, whole.input_events)


EXITS = {
    "margin": EarlyExit(threshold=4.0),
    "probability": EarlyExit(rule="probability", threshold=0.6),
    "stable": EarlyExit(rule="stable", threshold=4),
    "late": EarlyExit(threshold=4.0, least_steps=4),
    "at once": EarlyExit(threshold=0.0),
}


@each_input
@pytest.mark.parametrize("early", EXITS.values(), ids=EXITS)
@pytest.mark.parametrize("start", [0, 2])
def test_a_sample_stops_at_the_first_step_that_is_sure(early, x, encoder, start):
    theta = np.ones(1, np.float32)
    graph = all_kinds(PRESETS["stochastic"].neurons(theta, theta), start)
    whole, result = run(graph, x, encoder), run(graph, x, encoder, exit=early)
    confidence = Confidence.of(graph, early.rule).of_more(whole.outputs_over_time["y"].swapaxes(0, 1))
    met = (confidence >= early.threshold) & (np.arange(1, 14) >= early.least_steps)[:, None]
    assert np.array_equal(result.steps_taken, np.where(met.any(axis=0), met.argmax(axis=0) + 1, 13))
    assert_cut_at_the_exit(result, whole)
    if early.rule != "stable" and early.threshold:
        assert len(set(result.steps_taken)) > 1
    small = run(graph, x, encoder, exit=early, batch=1)
    assert np.array_equal(small.steps_taken, result.steps_taken)
    assert np.array_equal(small.output, result.output)


def test_input_events_are_counted_up_to_the_exit():
    theta = np.ones(1, np.float32)
    graph = all_kinds(PRESETS["graded"].neurons(theta, theta))
    result = run(graph, X, Poisson(seed=1), exit=EXITS["margin"])
    for sample, taken in enumerate(result.steps_taken):
        short = CpuBackend().deploy(graph).run([X], int(taken), encoder=Poisson(seed=1))
        assert result.input_events[sample] == short.input_events[sample]


def test_an_exit_after_a_correction():
    theta = np.ones(1, np.float32)
    graph = all_kinds(PRESETS["binary"].neurons(theta, theta))
    whole = run(graph, X, None, correction="cos")
    result = run(graph, X, None, correction="cos", exit=EXITS["stable"])
    assert result.extra_steps == 4
    assert result.steps_taken.min() < 13
    for sample, taken in enumerate(result.steps_taken):
        assert np.array_equal(result.output[sample], whole.outputs_over_time["y"][sample, taken - 1])


# Thresholds: steps of one sample as (confidence, class), the label, the least steps, and up to which threshold it is
# harmed
HARM: dict[str, tuple[list[tuple[float, int]], int | None, int, float]] = {
    "always right": ([(1, 0), (2, 0), (3, 0)], 0, 1, -np.inf),
    "wrong at first": ([(1, 1), (2, 0), (3, 0)], 0, 1, 1),
    "surest while wrong": ([(5, 1), (2, 0), (3, 0)], 0, 1, 5),
    "wrong only where it never stops": ([(3, 0), (2, 1), (4, 0)], 0, 1, -np.inf),
    "as sure as before is no stop": ([(3, 0), (3, 1), (4, 0)], 0, 1, -np.inf),
    "wrong twice": ([(1, 1), (2, 0), (3, 1), (4, 0)], 0, 1, 3),
    "wrong before the least step": ([(5, 1), (2, 0), (3, 0)], 0, 2, -np.inf),
    "wrong after all steps": ([(1, 0), (2, 1), (3, 1)], 0, 1, -np.inf),
    "without a label": ([(1, 0), (2, 1), (3, 1)], None, 1, 1),
    "a single step": ([(1, 0)], 0, 1, -np.inf),
}


@pytest.mark.parametrize(("steps", "label", "least", "expected"), HARM.values(), ids=HARM)
def test_up_to_which_threshold_a_sample_is_harmed(steps, label, least, expected):
    confidence, classes = (np.array(column)[:, None] for column in zip(*steps, strict=True))
    labels = None if label is None else np.array([label])
    assert _harmful_up_to(confidence.astype(float), classes, labels, least) == [expected]


@pytest.fixture(scope="module")
def net(small_h5) -> spikeport.SpikingNetwork:
    """Four classes from a softmax."""
    return spikeport.convert(small_h5, small_files.samples(64), target_steps=16)


MANY = small_files.samples(1200)


@pytest.mark.parametrize("rule", ["margin", "probability", "stable"])
def test_a_calibrated_exit_saves_steps_and_keeps_the_answers(net, rule):
    fitted, new = MANY[:600], MANY[600:]
    early = calibrate_exit(net, fitted, max_loss=3, rule=rule)
    for x, points in ((fitted, 3.0), (new, 6.0)):  # new samples: the expectation is 3, and 600 are drawn
        whole, result = net.run(x), net.run(x, exit=early)
        changed = (result.output.argmax(axis=1) != whole.output.argmax(axis=1)).mean()
        assert 100 * changed <= points
        assert result.steps_taken.mean() < 16
    stricter = calibrate_exit(net, fitted, max_loss=0.5, rule=rule)
    assert stricter.threshold >= early.threshold


def test_labels_that_the_network_misses_do_no_harm(net):
    whole = net.run(MANY[:300]).output.argmax(axis=1)
    wrong = calibrate_exit(net, MANY[:300], (whole + 1) % 4, max_loss=1)
    assert wrong.threshold == 0
    same = calibrate_exit(net, MANY[:300], np.eye(4)[whole], max_loss=1)
    assert same == calibrate_exit(net, MANY[:300], max_loss=1)


def test_the_fewest_samples_that_show_a_loss(net):
    with pytest.raises(DataError, match="expected at least 99 samples to show a loss of 1 points, received 98; 98 can"):
        calibrate_exit(net, MANY[:98], max_loss=1)
    assert calibrate_exit(net, MANY[:99], max_loss=1).threshold >= 0


# Scores


def test_evaluation_with_an_exit(net):
    y = net.run(MANY[:200], spiking=False).output.argmax(axis=1)
    early = EarlyExit(rule="stable", threshold=3)
    plain, score = spikeport.evaluate(net, MANY[:200], y), spikeport.evaluate(net, MANY[:200], y, exit=early)
    result = net.run(MANY[:200], exit=early)
    assert score.accuracy[-1] == pytest.approx((result.output.argmax(axis=1) == y).mean())
    assert score.mean_steps == pytest.approx(result.steps_taken.mean())
    assert score.exit_steps == tuple(int((result.steps_taken == t).sum()) for t in range(1, 17))
    assert score.spikes_per_sample < plain.spikes_per_sample
    assert (plain.mean_steps, plain.exit_steps, plain.extra_steps) == (None, (), 0)
    written = json.loads(json.dumps(score.to_json()))
    assert (written["mean_steps"], written["exit_steps"]) == (score.mean_steps, list(score.exit_steps))


def test_evaluation_with_a_correction(small_h5):
    binary = spikeport.convert(small_h5, small_files.samples(32), target_steps=4, neurons="binary")
    score = spikeport.evaluate(binary, MANY[:20], np.arange(20) % 4, correction="srp")
    assert (score.extra_steps, score.to_json()["extra_steps"]) == (4, 4)


# Refusals


EXIT_WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "rule": ({"rule": "entropy", "threshold": 1}, "out of margin, probability, stable, received 'entropy'"),
    "threshold": ({"threshold": -1}, "threshold of an early exit as at least 0, received -1"),
    "no number": ({"threshold": float("nan")}, "received nan"),
    "least steps": ({"threshold": 1, "least_steps": 0}, "least_steps of an early exit as at least 1, received 0"),
}


@pytest.mark.parametrize(("arguments", "words"), EXIT_WORDS.values(), ids=EXIT_WORDS)
def test_an_exit_refuses_what_means_nothing(arguments, words):
    with pytest.raises(UsageError, match=words):
        EarlyExit(**arguments)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exit": 3}, "takes an EarlyExit as exit, received 3"),
        ({"exit": EXITS["margin"], "backend": "nengo"}, "the nengo backend takes the options dt and seed"),
    ],
)
def test_a_run_refuses_exits_that_it_does_not_know(net, options, words):
    with pytest.raises(UsageError, match=words):
        net.run(MANY[:2], **options)


def test_outputs_that_are_no_classes_are_refused():
    graph = one_population(population((0, 1)), (7,))
    assert Confidence.of(graph, "margin").function == "linear"  # seven values may be classes
    image = one_population(population((0, 1)), (2, 7))
    with pytest.raises(UsageError, match="expected an output of classes, received one of shape"):
        CpuBackend().deploy(image, exit=EXITS["margin"])


@pytest.mark.parametrize("loss", [0, -1, 100])
def test_a_loss_that_means_nothing_is_refused(net, loss):
    with pytest.raises(UsageError, match="max_loss in percentage points"):
        calibrate_exit(net, MANY[:5], max_loss=loss)


def test_targets_are_no_labels(net):
    with pytest.raises(DataError, match="expected class numbers or one-hot rows as labels"):
        calibrate_exit(net, MANY[:99], np.full((99, 4), 0.25), max_loss=1)
