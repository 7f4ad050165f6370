"""Two questions of the Nengo forum: each is answered by the text of the report, or by the figures of the network."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import numpy as np
import pytest

import real_material
import spikeport
from forum_models import autoencoder, clip_classifier

SMALL = {"filters": (4, 8), "units": 32}
FULL = {"filters": (64, 128), "units": 2048}

# the forum's questions, and what the report says to each
ANSWERS = {
    "regularisers": ["act in training only", "kernel_regularizer of conv1, conv2, hidden"],
    "dropout": ["does nothing at inference", "it drops values in training only"],
    "max pooling": ["max pooling, exact", "before the neurons of conv1", "before the neurons of conv2", "winners spike"],
    "what falls back or stays off a chip": [
        "none falls back to the host",
        "conv2: a convolution in 3 dimensions; pool2: a maximum",
        "chips compute weighted sums only",
    ],
    "what to do": ["--backend loihi", "average pooling or a convolution with strides", "may cost accuracy"],
}
ON_LOIHI = {
    "what falls back or stays off a chip": [
        "neurons on the host: real values drive them",
        "the maximum of spike rates has no counterpart between neurons of the chip",
    ],
    "what to do": ["use AveragePooling3D or a convolution with strides in its place, trained anew", "backend='cpu'"],
}
FULL_ON_LOIHI = {
    "what falls back or stays off a chip": [
        "a convolution in 3 dimensions: the chip repeats a kernel over rows and columns only",
        "needs 481,075,200 weights in one connection; a chip holds 16,777,216",
        "needs 51,380,224 weights in one connection",
        "every unit hears 25,088 inputs, where a core takes 4,096 input axons",
    ],
    "what to do": ["use Conv2D with the frames as channels", "pool more before it, and give it fewer units"],
}


def plain(text: str) -> str:
    """A report's text as one line, without the lines of its tables."""
    return " ".join(re.sub(r"[│┃|]", " ", text).split())


def column_text(report: spikeport.Report) -> str:
    """Every sentence and remedy of a report that its text shows, unbroken."""
    entries = (*report.layers, *report.placement, *report.notes)
    return " ".join([plain(str(report)), *(f"{e.sentence} {e.reason.remedy}" for e in entries)])


def assert_answers(text: str, *answers: dict[str, list[str]]) -> None:
    missing = [f"{q}: {words}" for table in answers for q, all_ in table.items() for words in all_ if words not in text]
    assert not missing, f"{missing} not in {text}"


@pytest.fixture(scope="module", params=["live", ".h5", ".keras"])
def clips(request, tmp_path_factory):
    """The small network, live and from files."""
    model = clip_classifier(**SMALL)
    if request.param == "live":
        return model
    path = tmp_path_factory.mktemp("forum") / f"forum{request.param}"
    with pytest.warns(UserWarning, match="HDF5") if request.param == ".h5" else _nothing():
        model.save(path)
    return path


class _nothing:  # noqa: N801
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


@pytest.mark.parametrize("backend", [None, "cpu", "nengo", "loihi"])
def test_the_report_answers_all_five_questions(clips, backend):
    report, _ = spikeport.check(clips, backend=backend)
    assert report.convertible
    assert {entry.severity.value for entry in report.layers} == {"exact"}
    assert_answers(column_text(report), ANSWERS, *([ON_LOIHI] if backend == "loihi" else []))
