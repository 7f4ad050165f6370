"""Neurons of one's own, and the scale of their rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import small_files
import spikeport
from spikeport import PRESETS, Stages, UsageError
from spikeport.converter.ops import Neurons

X = small_files.samples(24)


def neurons_of(net: spikeport.SpikingNetwork) -> Neurons:
    return net.graph.nodes["conv"].op


@pytest.mark.parametrize(("n_min", "n_max"), [(0, 1), (-1, 1), (0, 2), (-1, 8)])
def test_a_preset_may_be_changed(small_h5, tmp_path, n_min, n_max):
    preset = replace(PRESETS["graded"], n_min=n_min, n_max=n_max, percentile=99.9)
    spikeport.convert(small_h5, X, neurons=preset).save(tmp_path / "net.h5")
    net = spikeport.load(tmp_path / "net.h5")
    assert (neurons_of(net).n_min, neurons_of(net).n_max) == (n_min, n_max)
    assert net.provenance["neurons"] == "graded"
    assert net.provenance["preset"]["n_max"] == n_max
    assert int(net.run(X, record=["conv"]).events["conv"].max()) <= n_max


def test_a_preset_as_it_is_gives_the_network_of_its_name(small_h5):
    given, named = (spikeport.convert(small_h5, X, neurons=neurons) for neurons in (PRESETS["binary"], "binary"))
    assert "preset" not in given.provenance
    np.testing.assert_array_equal(neurons_of(given).threshold, neurons_of(named).threshold)


WRONG = [
    ({"n_max": 0}, "expected n_min <= 0 < n_max"),
    ({"n_min": 1}, "expected n_min <= 0 < n_max"),
    ({"percentile": 0}, "expected a percentile above 0"),
    ({"percentile": 101}, "expected a percentile"),
    ({"threshold_factor": 0.0}, "expected a threshold_factor above 0, received 0.0"),
    ({"variant": {"reset": "none"}}, "expected reset to be"),
    ({"variant": {"colour": 1}}, "colour"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_a_preset_that_makes_no_neurons_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        replace(PRESETS["graded"], **change)


def test_a_backend_says_which_presets_it_cannot_take(small_h5):
    leaky = replace(PRESETS["lif"], n_max=2)
    with pytest.raises(UsageError, match="expected neurons that the loihi backend takes, received 'lif'"):
        spikeport.convert(small_h5, X, neurons=leaky, target="loihi")


@pytest.mark.parametrize("thresholds", ["fitted", "percentile", "maximum", "mmse", "balanced"])
def test_the_rate_scale_divides_the_thresholds(small_h5, thresholds):
    once, twice = (
        spikeport.convert(small_h5, X, stages=Stages(thresholds=thresholds, potential=False, rate_scale=scale))
        for scale in (1.0, 2.0)
    )
    np.testing.assert_allclose(neurons_of(twice).threshold, neurons_of(once).threshold / 2, rtol=1e-6)
    np.testing.assert_array_equal(neurons_of(twice).scale, neurons_of(once).scale)
    assert twice.run(X).spike_counts["conv"].sum() > once.run(X).spike_counts["conv"].sum()


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), float("inf"), "big", True])
def test_a_rate_scale_that_is_no_factor_is_refused(scale):
    with pytest.raises(UsageError, match="stage rate_scale: expected a number above 0, received"):
        Stages(rate_scale=scale)


def test_the_command_line_sets_the_rate_scale():
    assert Stages.parse(["rate_scale=2", "potential=off"]) == Stages(rate_scale=2.0, potential=False)
    with pytest.raises(UsageError, match="rate_scale: expected a number above 0, received 'much'"):
        Stages.parse(["rate_scale=much"])
