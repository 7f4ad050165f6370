"""Stages: what may be set, how a command line sets it, and what each setting means for the run."""

from __future__ import annotations

import pytest

from spikeport.converter.spiking import Stages
from spikeport.converter.spiking.stages import CHOICES
from spikeport.errors import UsageError

PARSED = [
    ([], Stages()),
    (["thresholds=mmse"], Stages(thresholds="mmse")),
    (["thresholds=balanced", "bias=on", "potential=off"], Stages(thresholds="balanced", bias=True, potential=False)),
    (["bias=off", "weights=on"], Stages(bias=False, weights=True)),
    (["initial_voltage=half", "read_out=whole"], Stages(initial_voltage="half", read_out="whole")),
    (["samples=64", "seed=3"], Stages(samples=64, seed=3)),
    (["samples=64", "samples=32"], Stages(samples=32)),
]
WRONG = [
    (["thresholds=largest"], "expected one of fitted, percentile"),
    (["initial_voltage=0.5"], "expected one of fitted, half, zero"),
    (["read_out=late"], "expected one of fitted, whole"),
    (["bias=maybe"], "stage bias: expected True or False"),
    (["weights="], "expected a stage as NAME=VALUE"),
    (["purple=on"], "with a name of thresholds"),
    (["bias"], "expected a stage as NAME=VALUE"),
    (["samples=0"], "at least 1, received 0"),
    (["samples=-4"], "at least 1, received '-4'"),
    (["samples=²"], "at least 1, received '²'"),
    (["seed=x"], "at least 0, received 'x'"),
]
NOTHING = {"thresholds": "mmse", "initial_voltage": "half", "bias": False, "potential": False, "read_out": "whole"}
NEEDS_SPIKES = [
    ({}, False),
    ({"thresholds": "fitted"}, True),
    ({"initial_voltage": "fitted"}, True),
    ({"bias": True}, True),
    ({"bias": None}, True),
    ({"potential": True}, True),
    ({"weights": True}, True),
    ({"read_out": "fitted"}, True),
]


@pytest.mark.parametrize(("settings", "stages"), PARSED)
def test_a_command_line_sets_stages(settings, stages):
    assert Stages.parse(settings) == stages


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=[" ".join(s) for s, _ in WRONG])
def test_wrong_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(UsageError, match=message) as caught:
        Stages.parse(settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", [None, 1, True])
def test_choices_are_words(name, value):
    with pytest.raises(UsageError, match=f"stage {name}"):
        Stages(**{name: value})


@pytest.mark.parametrize(("changed", "needs"), NEEDS_SPIKES)
def test_only_stages_that_look_at_spikes_need_them(changed, needs):
    assert Stages(**{**NOTHING, **changed}).needs_spikes is needs


def test_without_spikes_needs_none():
    assert not Stages.without_spikes().needs_spikes
    assert Stages().needs_spikes
