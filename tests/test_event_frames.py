"""Frames from the events of a sensor: what lands where, and what is said of events that do not fit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import small_files
import spikeport
from spikeport import DataError, UsageError
from spikeport.encoders import EventFrames

# t, x, y, p
EVENTS = np.array([[0, 0, 0, 0], [4, 2, 1, 1], [5, 2, 1, 1], [9, 2, 1, 1], [10, 1, 0, 0], [31, 0, 1, 1]])
FIELDS = [("x", "u2"), ("y", "u2"), ("t", "i8"), ("p", "?")]


def structured(events: np.ndarray) -> np.ndarray:
    """The same events with named fields in another order, as recordings have them."""
    result = np.zeros(len(events), FIELDS)
    for column, name in enumerate("txyp"):
        result[name] = events[:, column]
    return result


@pytest.mark.parametrize("form", [lambda e: e, lambda e: e.tolist(), lambda e: e.astype("f4"), structured])
def test_events_are_counted_by_bin_pixel_and_polarity(form):
    frames = EventFrames(height=2, width=3, bin=10)([form(EVENTS), form(EVENTS[:2])])
    expected = np.zeros((2, 4, 2, 3, 2), np.float32)
    expected[:, 0, 0, 0, 0] = 1
    expected[0, 0, 1, 2, 1] = 3
    expected[1, 0, 1, 2, 1] = 1
    expected[0, 1, 0, 1, 0] = expected[0, 3, 1, 0, 1] = 1
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, expected)


class Option(NamedTuple):
    name: str
    options: dict[str, Any]
    shape: tuple[int, ...]
    largest: float
    total: float


OPTIONS = [
    Option("none", {}, (1, 4, 2, 3, 2), 3, 6),
    Option("binary", {"clip": 1}, (1, 4, 2, 3, 2), 1, 4),
    Option("clipped", {"clip": 2}, (1, 4, 2, 3, 2), 2, 5),
    Option("polarities-together", {"polarities": 1}, (1, 4, 2, 3, 1), 3, 6),
    Option("steps-cut", {"steps": 2}, (1, 2, 2, 3, 2), 3, 5),
    Option("steps-added", {"steps": 9}, (1, 9, 2, 3, 2), 3, 6),
    Option("long-bin", {"bin": 100.0}, (1, 1, 2, 3, 2), 3, 6),
    Option("start", {"start": -10}, (1, 5, 2, 3, 2), 3, 6),
    Option("larger-sensor", {"height": 5, "width": 4}, (1, 4, 5, 4, 2), 3, 6),
]


@pytest.mark.parametrize("case", OPTIONS, ids=lambda case: case.name)
def test_options_change_the_frames(case):
    frames = EventFrames(**{"height": 2, "width": 3, "bin": 10, **case.options})([EVENTS])
    assert (frames.shape, frames.max(), frames.sum()) == (case.shape, case.largest, case.total)


def test_frames_may_start_with_each_samples_first_event():
    later = EVENTS + np.array([1000, 0, 0, 0])
    frames = EventFrames(height=2, width=3, bin=10, start=None)([EVENTS, later])
    np.testing.assert_array_equal(frames[0], frames[1])


def test_a_sample_may_have_no_events():
    frames = EventFrames(height=2, width=3, bin=10)([[], EVENTS])
    assert not frames[0].any()
    assert EventFrames(height=2, width=3, bin=10, start=None)([np.zeros((0, 4))]).shape == (1, 1, 2, 3, 2)


def event(**changed: float) -> list[list[float]]:
    return [[0, 0, 0, 0], [{"t": 1.0, "x": 1, "y": 1, "p": 1, **changed}[name] for name in "txyp"]]


MISFITS = [
    ("x-too-large", [event(x=3)], "sample 0: expected x as whole numbers from 0 to 2, received 3"),
    ("y-too-large", [EVENTS, event(y=2)], "sample 1: expected y as whole numbers from 0 to 1, received 2"),
    ("x-negative", [event(x=-1)], "received -1"),
    ("x-between", [event(x=0.5)], "received 0.5"),
    ("polarity", [event(p=-1)], "expected p as whole numbers from 0 to 1, received -1"),
    ("before-the-start", [event(t=-2)], "expected events from the start 0 on, received t -2"),
    ("nan", [event(t=np.nan)], "finite"),
    ("three-columns", [EVENTS[:, :3]], r"expected events \(events, 4\) as t, x, y, p, received \(6, 3\)"),
    ("one-event", [EVENTS[0]], "expected events"),
    ("fields", [structured(EVENTS)[["t", "x", "y"]]], "the fields t, x, y and p"),
    ("ragged", [[[1, 2], [3]]], "lists of others"),
    ("text", [[["a", "b", "c", "d"]]], "expected events as numbers"),
    ("no-samples", [], "received no sample"),
]


@pytest.mark.parametrize(("recordings", "words"), [m[1:] for m in MISFITS], ids=[m[0] for m in MISFITS])
def test_events_that_do_not_fit_are_refused_in_a_sentence(recordings, words):
    with pytest.raises(DataError, match=words):
        EventFrames(height=2, width=3, bin=10)(recordings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"height": 0}, "height as a whole number above 0, received 0"),
        ({"width": 2.5}, "width"),
        ({"polarities": 0}, "polarities"),
        ({"steps": 0}, "steps"),
        ({"clip": 0}, "clip"),
        ({"bin": 0}, "bin as a length of time above 0"),
        ({"bin": np.inf}, "bin"),
    ],
    ids=str,
)
def test_options_that_make_no_frames_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        EventFrames(**{"height": 2, "width": 3, "bin": 10, **options})


def test_a_bin_in_the_wrong_unit_is_told_before_memory_is_taken(little_memory):
    with pytest.raises(UsageError, match=r"pass a larger bin, in the unit of the events' times, or steps"):
        EventFrames(height=2, width=3, bin=1e-9)([EVENTS])


def test_frames_run_in_a_network(small_h5):
    rng = np.random.default_rng(0)
    recordings = [np.stack([rng.integers(0, n, 400) for n in (5000, 6, 6, 2)], axis=1) for _ in range(3)]
    frames = EventFrames(height=6, width=6, polarities=1, bin=500, clip=1)(recordings)
    net = spikeport.convert(small_h5, small_files.samples(32))
    result = net.run(frames)
    assert result.n_steps == 10
    assert result.outputs_over_time["scores"].shape == (3, 10, 4)
