"""Losses, metrics and regularisers of training, by hand."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from spikeport import training
from spikeport.errors import UsageError
from spikeport.training.regularizers import percentile_of

# two samples, four steps, three classes
SPIKES = np.array(
    [
        [[0, 1, 0], [0, 1, 1], [1, 0, 0], [0, 1, 0]],
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]],
    ],
    np.float32,
)
LABELS = np.array([1, 2])
LOSSES = [
    training.SpikeCountCrossEntropy(),
    training.IntegralCrossEntropy(label_smoothing=0.3, scale=2.0),
    training.MembraneCrossEntropy(),
    training.SpikeCountMSE(),
    training.TimeToFirstSpikeCrossEntropy(scale=0.5),
]


def cross_entropy(logits: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    wanted = np.eye(3)[LABELS] * (1 - smoothing) + smoothing / 3
    return (wanted * (np.log(np.exp(logits).sum(-1, keepdims=True)) - logits)).sum(-1)


def test_losses_by_hand():
    count = SPIKES.sum(axis=1)
    before = np.array([[2, 0, 1], [1, 2, 3]])
    each_step = np.mean([cross_entropy(SPIKES[:, t]) for t in range(4)], axis=0)
    rates = np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    expected = [
        cross_entropy(count),
        cross_entropy(count / 2, 0.3),
        each_step,
        ((count / 4 - rates) ** 2).mean(axis=1),
        cross_entropy(-0.5 * before),
    ]
    for loss, values in zip(LOSSES, expected, strict=True):
        assert float(loss(LABELS, SPIKES)) == pytest.approx(values.mean(), rel=1e-5), loss.name


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_losses_are_serialisable(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert float(again(LABELS, SPIKES)) == float(loss(LABELS, SPIKES))


def test_the_first_spike_has_a_gradient_where_it_would_come_earlier_or_later():
    tf = pytest.importorskip("tensorflow")
    from spikeport.training.losses import steps_before_first_spike

    x = tf.Variable(SPIKES)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(steps_before_first_spike(x))
    assert float(total) == 9
    found = tape.gradient(total, x).numpy()
    # class 2 of the second sample fires at the last step: a spike before would have saved the steps from there on
    assert np.array_equal(found[1, :, 2], [-4, -3, -2, -1])
    assert np.array_equal(found[0, :, 2], [-4, -3, -2, -1])  # after it, until a second spike ends it


def test_accuracies():
    metrics = [training.SpikeCountAccuracy(), training.IntegralAccuracy(), training.FirstSpikeAccuracy()]
    for metric, expected in zip(metrics, [0.5, 0.5, 0.5], strict=True):
        metric.update_state(LABELS, SPIKES)
        assert float(metric.result()) == expected
        metric.update_state(np.array([1, 0]), SPIKES)
        assert float(metric.result()) == 0.75
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        again.update_state(LABELS, SPIKES)
        assert float(again.result()) == expected


def test_regularisers_with_a_target_and_a_range():
    x = np.array([[1.0, 3.0], [5.0, 0.0]], np.float32)
    assert float(training.L1(0.1, target=2.0)(x)) == pytest.approx(0.1 * (1 + 1 + 3 + 2))
    assert float(training.L2(0.1, target=(1.0, 3.0))(x)) == pytest.approx(0.1 * (4 + 1))
    assert float(training.L1L2(1.0, 2.0)(x)) == pytest.approx(9 + 2 * 35)


def test_percentiles_are_those_of_numpy_and_have_gradients():
    tf = pytest.importorskip("tensorflow")
    x = np.random.default_rng(0).normal(size=(7, 4, 3)).astype(np.float32)
    for axis in (0, (0, 1), None, -1):
        for percentile in (0.0, 37.0, 50.0, 99.0, 100.0):
            wanted = np.percentile(x, percentile, axis=axis)
            assert np.allclose(ops.convert_to_numpy(percentile_of(x, percentile, axis)), wanted, atol=1e-6)
            open_batch = tf.function(lambda v: percentile_of(v, percentile, axis), [tf.TensorSpec((None, 4, 3))])  # noqa: B023
            assert np.allclose(open_batch(x), wanted, atol=1e-6)
    regulariser = training.Percentile(99.0, axis=(0, 1), target=(0.0, 0.5), l1=2.0)
    expected = 2 * np.maximum(np.percentile(x, 99.0, axis=(0, 1)) - 0.5, 0).sum() * 7
    assert float(regulariser(x)) == pytest.approx(expected, rel=1e-5)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = regulariser(tf.identity(variable))
    assert np.count_nonzero(tape.gradient(loss, variable).numpy()) == 6  # two neighbours in each channel


def test_the_budget_of_synaptic_operations():
    regulariser = training.SynapticOperationBudget([10, 1, 1], budget=10, weight=3.0)
    operations = np.array([14.0, 23.0])
    assert float(regulariser(SPIKES)) == pytest.approx(3 * ((operations / 10 - 1) ** 2).sum(), rel=1e-5)
    assert float(training.SynapticOperationBudget(1, budget=100)(SPIKES)) == 0


@pytest.mark.parametrize(
    "regulariser",
    [
        training.L1(0.2, target=(1, 2)),
        training.L2(0.2, 3),
        training.L1L2(0.1, 0.2),
        training.Percentile(99, (0, 1), (1, 2), 0.1),
        training.SynapticOperationBudget([1, 2, 3], 5.0),
    ],
    ids=lambda r: type(r).__name__,
)
def test_regularisers_are_serialisable_and_act_in_a_layer(regulariser):
    again = keras.regularizers.get(keras.saving.serialize_keras_object(regulariser))
    assert float(again(SPIKES)) == float(regulariser(SPIKES))
    layer = training.SpikingActivation("relu", dt=1.0, initial_state=0.0, activity_regularizer=again)
    layer(SPIKES)
    assert float(layer.losses[0]) == pytest.approx(float(regulariser(SPIKES)) / len(SPIKES))  # Keras divides


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: training.L1(target=(2, 1)), "lowest, highest"),
        (lambda: training.Percentile(101), "from 0 to 100"),
        (lambda: training.SynapticOperationBudget(1, 0), "budget of operations above 0"),
    ],
)
def test_wrong_regularisers_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_a_saved_model_is_loaded_where_nothing_was_imported_before(tmp_path):
    image = keras.Input((4, 3))
    hidden = keras.layers.Dense(2, activity_regularizer=training.L2(0.1, target=3))(image)
    model = keras.Model(image, training.Leaky(0.5)(hidden))
    model.compile("adam", training.SpikeCountCrossEntropy(), metrics=[training.SpikeCountAccuracy()])
    model.save(tmp_path / "model.keras")
    code = "import sys; from spikeport import training; print(training.load_model(sys.argv[1]).layers[1].losses)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.keras")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
