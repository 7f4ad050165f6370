"""Fewer spikes: only where the classes stay the model's, most where most spikes are, and told in the report."""

from __future__ import annotations

import numpy as np
import pytest

import spikeport
from spikeport.converter.ops import Output
from spikeport.converter.report import ReportBuilder
from spikeport.converter.spiking import PRESETS, Stages
from spikeport.converter.spiking.chain import ChainResult
from spikeport.converter.spiking.fewest_spikes import fewest_spikes
from spikeport.demo.digits import digits_data, digits_model

SOFTMAX = Output(function="softmax")
SPIKES = {"first": 8000.0, "second": 1000.0, "last": 1.0}


class Network:
    """Stands for a chain: scores of a few hundred samples, with an error that grows as the rates fall."""

    def __init__(self, error: float, *, count: int = 256, op: Output = SOFTMAX) -> None:
        self.error, self.count, self.op = error, count, op
        self.scores = np.random.default_rng(0).normal(size=(count, 10)) * 5
        self.noise = np.random.default_rng(1).normal(size=(count, 10))
        self.asked: list[dict[str, float]] = []

    def __call__(self, rate_scales) -> ChainResult:
        self.asked.append(dict(rate_scales))
        error = self.error / min(rate_scales.values(), default=1.0)
        outputs = ((self.op, self.scores, self.scores + error * self.noise),)
        report = ReportBuilder(f"{error:g}")
        return ChainResult(graph=None, report=report, spikes=SPIKES, outputs=outputs, count=self.count)

    @property
    def lowest(self) -> list[float]:
        return [min(scales.values(), default=1.0) for scales in self.asked]


def test_a_network_without_error_gets_the_lowest_rates():
    network = Network(0.0)
    fewest_spikes(network)
    assert network.lowest == [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]


def test_the_layer_with_most_spikes_is_lowered_most():
    network = Network(0.0)
    fewest_spikes(network)
    assert network.asked[-1] == pytest.approx({"first": 1 / 32, "second": 1 / 16, "last": 20 / 32})


def test_a_network_that_is_no_better_than_it_needs_to_be_is_calibrated_once():
    network = Network(0.1)
    assert fewest_spikes(network).report.build().model == "0.1"
    assert network.lowest == [1]


def test_the_lowest_rates_that_are_tolerated_are_sought_between_two_halvings():
    network = Network(0.004)
    found = fewest_spikes(network)
    *_, refused, first, second = network.lowest
    assert refused < 0.6
    assert first == pytest.approx(refused * 2**0.5)
    assert second == pytest.approx(first * 2 ** (0.25 if second > first else -0.25))
    assert found.report.build().model in {f"{0.004 / scale:g}" for scale in (2 * refused, first, second)}


UNTOLD = {
    "few samples": {"count": 99},
    "no classes": {"op": Output(function="relu")},
}


@pytest.mark.parametrize("case", UNTOLD.values(), ids=UNTOLD)
def test_rates_stay_where_the_samples_say_too_little(case):
    network = Network(0.0, **case)
    fewest_spikes(network)
    assert network.lowest == [1]


def test_values_that_look_like_scores_keep_their_error_small():
    """Far apart, so that no class changes; but what is read may be the values."""
    network = Network(0.04, op=Output(function="linear"))
    network.scores = np.eye(10)[np.arange(256) % 10] * 30
    fewest_spikes(network)
    assert network.lowest[0] == 1
    assert network.lowest[-1] > 1 / 32


def test_a_real_network_sends_fewer_spikes_answers_alike_and_says_so():
    (train, _), (x, y) = digits_data()
    fewer = spikeport.convert(digits_model(), train[:400], target_steps=16)
    most = spikeport.convert(digits_model(), train[:400], target_steps=16, stages=Stages(rate_scale=1))
    assert "fewest-spikes" in [n.code for n in fewer.report.notes]
    assert "fewest-spikes" not in [n.code for n in most.report.notes]
    some, many = (spikeport.evaluate(net, x, y, n_steps=16) for net in (fewer, most))
    assert some.spikes_per_sample < many.spikes_per_sample
    assert some.accuracy[-1] > some.keras_accuracy - 0.005


@pytest.mark.parametrize("stages", [None, Stages()], ids=["by default", "with stages"])
def test_noise_lowers_no_rates(small_h5, stages):
    net = spikeport.convert(small_h5, stages=stages, target_steps=64)
    assert "fewest-spikes" not in [n.code for n in net.report.notes]


def test_events_of_graded_neurons_fit_four_bits():
    assert PRESETS["graded"].n_max == 15
