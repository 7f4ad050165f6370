"""Pictures: what is drawn is what the arrays hold."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import spikeport
from spikeport.errors import DataError, UsageError

pytest.importorskip("matplotlib", reason="needs matplotlib")

EVENTS = np.zeros((5, 3, 4), np.int8)  # five steps, twelve neurons
EVENTS[0, 0, 0] = EVENTS[3, 2, 3] = 1
EVENTS[2, 1, 1] = 4
EVENTS[4, 1, 1] = -1

PICTURES = [
    (spikeport.plots.activity, EVENTS, {"name": "conv0"}),
    (spikeport.plots.raster, EVENTS, {"name": "conv0"}),
    (spikeport.plots.rate_histogram, EVENTS, {"name": "conv0"}),
    (spikeport.plots.membrane, EVENTS / 2, {"events": EVENTS, "name": "conv0"}),
    (spikeport.plots.spike_counts, EVENTS.reshape(5, 12), {"name": "digit 3"}),
    (spikeport.plots.output_over_time, np.arange(15.0).reshape(5, 3), {}),
]
each_picture = pytest.mark.parametrize(
    ("draw", "values", "options"), PICTURES, ids=lambda p: getattr(p, "__name__", "")
)


def test_each_kind_of_picture_has_a_case():
    drawn = {draw.__name__ for draw, _, _ in PICTURES} | {"pareto_front", "spike_count_animation"}  # below
    assert drawn == set(spikeport.plots.__all__)


@each_picture
def test_a_new_figure_can_be_saved(draw, values, options, tmp_path):
    draw(values, **options).figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@each_picture
def test_it_draws_into_the_axes_that_it_is_given(draw, values, options):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert draw(values, ax=ax, **options) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel()


@each_picture
def test_one_sample_has_steps_and_neurons(draw, values, options):
    for wrong in (np.zeros(5), np.zeros((0, 3))):
        with pytest.raises(DataError, match="of shape \\(steps, neurons"):
            draw(wrong, **options)


def test_activity_has_a_line_for_each_neuron_and_rates_in_the_title():
    ax = spikeport.plots.activity(EVENTS, dt=0.01)
    assert len(ax.lines) == 12
    np.testing.assert_array_equal(ax.lines[5].get_ydata(), [0, 0, 4, 0, -1])
    assert ax.get_title() == "mean 8.3 Hz, max 60.0 Hz"  # 5 and 3 spikes in 50 ms


def test_rates_are_shown_as_they_are():
    assert spikeport.plots.activity([[2.0, 4.0]], spikes=False).get_title() == "mean 3.0 Hz, max 4.0 Hz"


@pytest.mark.parametrize(("most", "rows"), [(1, 1), (6, 6), (50, 12)])
def test_few_of_many_neurons_are_shown(most, rows):
    assert len(spikeport.plots.activity(EVENTS, most=most).lines) == rows
    assert spikeport.plots.raster(EVENTS, most=most).get_title() == f"{rows} of 12 neurons"


def test_showing_no_neuron_is_refused():
    with pytest.raises(DataError, match="received most=0"):
        spikeport.plots.raster(EVENTS, most=0)


def test_a_raster_marks_sent_events_and_those_taken_back():
    sent, taken_back = spikeport.plots.raster(EVENTS).collections
    np.testing.assert_array_equal(sent.get_offsets(), [(1, 0), (3, 5), (4, 11)])
    np.testing.assert_array_equal(taken_back.get_offsets(), [(5, 5)])
    assert list(sent.get_sizes()) == [12, 48, 12]


def test_a_histogram_counts_each_neuron_once():
    ax = spikeport.plots.rate_histogram(EVENTS, dt=0.01, bins=3)
    assert [bar.get_height() for bar in ax.patches] == [9, 2, 1]  # 0, 20 and 60 Hz
    assert ax.get_title() == "9 of 12 neurons silent"


def test_membranes_have_a_line_and_marks_where_they_fire():
    ax = spikeport.plots.membrane([[0.5, 0.2], [0.1, 0.9]], [[0, 0], [1, 0]], threshold=2.0)
    assert len(ax.lines) == 3  # the threshold is one
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [0.2, 0.9])
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [(2, 2.0)])


def test_counts_grow_from_step_to_step(tmp_path):
    ax = spikeport.plots.spike_counts(EVENTS.reshape(5, 12), labels=list("abcdefghijkl"))
    assert [bar.get_height() for bar in ax.patches] == [1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 1]
    with pytest.raises(DataError, match="expected 2 labels"):
        spikeport.plots.spike_counts([[1.0, 0.0]], labels=["cat"])
    animation = spikeport.plots.spike_count_animation(EVENTS.reshape(5, 12))
    animation.save(tmp_path / "counts.gif", writer="pillow")
    assert (tmp_path / "counts.gif").read_bytes().startswith(b"GIF8")


def test_outputs_have_their_labels():
    ax = spikeport.plots.output_over_time([[1000.0, 0.0], [0.0, 0.0]], labels=["cat", "dog"], softmax=True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cat", "dog"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, 0.5])
    with pytest.raises(DataError, match="expected 2 labels"):
        spikeport.plots.output_over_time([[1.0, 0.0]], labels=["cat"])


def test_it_says_how_to_get_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install 'spikeport\[plot\]'"):
        spikeport.plots.raster(EVENTS)


POINTS = np.array([[5.0, 1, 300], [0.5, 4, 800], [0.0, 16, 3000], [-0.1, 16, 4000]])


def test_a_front_is_ringed_and_says_its_steps(tmp_path):
    ax = spikeport.plots.pareto_front(POINTS, [True, True, False, True], name="lenet")
    assert [text.get_text() for text in ax.texts] == ["1", "4", "16"]
    assert ax.get_title() == "lenet\n3 of 4 conversions on the front"
    assert (ax.get_xlabel(), ax.get_xscale()) == ("spikes per sample", "log")
    ax.figure.savefig(tmp_path / "front.png")


@pytest.mark.parametrize("points", [POINTS[:1], np.array([[0, 1, 0], [0, 1, 0]])], ids=["one", "silent"])
def test_a_front_of_hardly_anything_is_drawn(points, tmp_path):
    ax = spikeport.plots.pareto_front(points, np.ones(len(points)), energy="operations")
    ax.figure.savefig(tmp_path / "front.png")
    assert ax.get_xlabel() == "operations per sample"


@pytest.mark.parametrize(("points", "front"), [(POINTS[:, :2], [1] * 4), (POINTS, [1]), (POINTS[:0], [])])
def test_points_of_a_front_have_three_values(points, front):
    with pytest.raises(DataError, match="expected points of shape \\(conversions, 3\\)"):
        spikeport.plots.pareto_front(points, front)
