"""Scores: classes, one-hot rows, a single probability, regression, and labels that do not fit."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pytest

import small_files
import spikeport
from small_files import layer, sequential
from spikeport import DataError, UsageError


@pytest.fixture(scope="module")
def classes(small_h5) -> spikeport.SpikingNetwork:
    """Four classes from a softmax."""
    return spikeport.convert(small_h5, small_files.samples(32), target_steps=20)


def dense_network(tmp_path_factory: pytest.TempPathFactory, units: int, activation: str) -> spikeport.SpikingNetwork:
    """Five values through eight ReLUs to ``units`` outputs."""
    rng = np.random.default_rng(2)
    config = sequential(
        layer("InputLayer", "values", batch_shape=[None, 5]),
        layer("Dense", "hidden", units=8, activation="relu"),
        layer("Dense", "result", units=units, activation=activation),
    )
    weights = {
        "hidden": {"kernel": rng.normal(size=(5, 8)), "bias": rng.normal(size=8) / 4},
        "result": {"kernel": rng.normal(size=(8, units)), "bias": rng.normal(size=units) / 4},
    }
    path = small_files.write_h5(tmp_path_factory.mktemp("dense") / "dense.h5", config, weights)
    return spikeport.convert(path, 4 * small_files.samples(64, (5,)) - 2, target_steps=16)


@pytest.fixture(scope="module")
def probability(tmp_path_factory) -> spikeport.SpikingNetwork:
    return dense_network(tmp_path_factory, 1, "sigmoid")


@pytest.fixture(scope="module")
def regression(tmp_path_factory) -> spikeport.SpikingNetwork:
    return dense_network(tmp_path_factory, 3, "linear")


def keras_classes(net: spikeport.SpikingNetwork, x: np.ndarray) -> np.ndarray:
    return net.run(x, spiking=False).output.argmax(axis=1)


X = small_files.samples(40)


@pytest.mark.parametrize("form", ["numbers", "column", "bytes", "one-hot", "one-hot-floats", "list"])
def test_class_labels_may_come_in_several_forms(classes, form):
    right = keras_classes(classes, X)
    one_hot = np.eye(4)[right]
    y = {
        "numbers": right,
        "column": right[:, None],
        "bytes": right.astype(np.uint8),
        "one-hot": one_hot.astype(int),
        "one-hot-floats": one_hot,
        "list": right.tolist(),
    }[form]
    score = spikeport.evaluate(classes, X, y)
    assert score.keras_accuracy == 1.0
    assert len(score.accuracy) == score.steps == 20
    assert score.accuracy[-1] >= 0.9
    assert (score.mean_squared_error, score.keras_mean_squared_error) == ((), None)


def test_wrong_labels_score_nothing(classes):
    wrong = (keras_classes(classes, X) + 1) % 4
    score = spikeport.evaluate(classes, X, wrong)
    assert score.keras_accuracy == 0.0
    assert score.accuracy[-1] <= 0.1


def test_accuracy_at_each_step_is_that_of_the_outputs_at_each_step(classes):
    y = np.arange(len(X)) % 4
    score = spikeport.evaluate(classes, X, y, n_steps=7)
    result = classes.run(X, n_steps=7)
    (over_time,) = result.outputs_over_time.values()
    expected = [np.mean(over_time[:, step].argmax(axis=1) == y) for step in range(7)]
    assert score.accuracy == pytest.approx(expected)
    spikes = sum(counts.sum() for counts in result.spike_counts.values())
    assert score.spikes_per_sample == pytest.approx(spikes / len(X))
    assert score.synaptic_operations_per_sample == pytest.approx(result.synaptic_operations.mean())


def test_more_samples_than_a_block_score_as_their_parts_do(classes):
    x = small_files.samples(1203)
    y = np.arange(len(x)) % 4
    done: list[int] = []
    whole = spikeport.evaluate(classes, x, y, n_steps=3, on_progress=done.append)
    parts = [spikeport.evaluate(classes, x[part], y[part], n_steps=3) for part in (slice(0, 601), slice(601, None))]
    mean = (601 * np.array(parts[0].accuracy) + 602 * np.array(parts[1].accuracy)) / 1203
    assert whole.accuracy == pytest.approx(mean)
    assert sum(done) == 1203


def test_a_single_probability_is_a_class_above_one_half(probability):
    x = 4 * small_files.samples(50, (5,)) - 2
    output = probability.run(x, spiking=False).output
    right = (output[:, 0] > 0.5).astype(int)
    assert 0 < right.sum() < 50
    for y in (right, right.astype(bool), right[:, None]):
        score = spikeport.evaluate(probability, x, y, n_steps=64)
        assert score.keras_accuracy == 1.0
        assert score.accuracy[-1] >= 0.9


def test_targets_of_the_outputs_shape_are_a_regression(regression):
    x = small_files.samples(50, (5,))
    targets = regression.run(x, spiking=False).output
    score = spikeport.evaluate(regression, x, targets, n_steps=64)
    assert (score.accuracy, score.keras_accuracy) == ((), None)
    assert score.keras_mean_squared_error == pytest.approx(0, abs=1e-12)
    assert len(score.mean_squared_error) == 64
    assert score.mean_squared_error[-1] < score.mean_squared_error[0]
    assert score.mean_squared_error[-1] < 0.01 * targets.var()


def test_whole_number_targets_of_a_single_linear_output_are_a_regression(tmp_path_factory):
    net = dense_network(tmp_path_factory, 1, "linear")
    x = small_files.samples(10, (5,))
    score = spikeport.evaluate(net, x, np.arange(10))
    expected = np.mean((net.run(x, spiking=False).output[:, 0] - np.arange(10)) ** 2)
    assert score.keras_mean_squared_error == pytest.approx(expected, rel=1e-5)


class Misfit(NamedTuple):
    name: str
    y: Any
    words: str


MISFITS = [
    Misfit("too-few", np.zeros(39, int), "expected 40 labels"),
    Misfit("a-number", 3, "expected 40 labels"),
    Misfit("class-too-high", np.full(40, 4), "class numbers from 0 to 3, received 4 to 4"),
    Misfit("class-below-zero", np.full(40, -1), "class numbers from 0 to 3"),
    Misfit("other-width", np.zeros((40, 5)), r"targets of shape \(40, 4\)"),
    Misfit("text", np.array(["cat"] * 40), "expected"),
    Misfit("text-of-the-outputs-shape", np.full((40, 4), "cat"), "expected"),
    Misfit("objects", np.full((40, 4), None), "expected"),
    Misfit("ragged", [[1.0]] * 39 + [[1.0, 2.0]], "expected"),
    Misfit("nan", np.full((40, 4), np.nan), "finite"),
]


@pytest.mark.parametrize("case", MISFITS, ids=lambda case: case.name)
def test_labels_that_do_not_fit_are_refused_before_anything_runs(case, classes):
    def never(done: int) -> None:
        pytest.fail("it ran")

    with pytest.raises(DataError, match=case.words):
        spikeport.evaluate(classes, X, case.y, on_progress=never)


def test_no_steps_and_unknown_backends_are_refused(classes):
    y = np.zeros(40, int)
    with pytest.raises(UsageError, match="at least 1 step, received 0"):
        spikeport.evaluate(classes, X, y, 0)
    with pytest.raises(UsageError, match="expected a backend out of cpu"):
        spikeport.evaluate(classes, X, y, backend="brain")
    with pytest.raises(UsageError, match="option"):
        spikeport.evaluate(classes, X, y, colour="red")


def test_the_backends_agree_on_the_score(classes):
    x, y = X[:6], np.arange(6) % 4
    cpu = spikeport.evaluate(classes, x, y, backend="cpu").to_json()
    nengo = spikeport.evaluate(classes, x, y, backend="nengo").to_json()
    for score in (cpu, nengo):
        score.pop("seconds")
    assert {**cpu, "backend": "nengo"} == nengo


def test_the_score_is_json(classes):
    score = spikeport.evaluate(classes, X, np.zeros(40, int))
    assert json.loads(json.dumps(score.to_json(), allow_nan=False)) == score.to_json()
