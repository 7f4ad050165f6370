"""Trained networks on test sets, in the chip's whole numbers: what they lose beside Keras, and in what time.

The first samples of each set, unless SPIKEPORT_WHOLE_TEST_SETS is set to anything.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import real_material
import spikeport

pytestmark = [pytest.mark.loihi, pytest.mark.slow]
MINUTES = 10


def digits(model: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    return model, real_material.mnist("train")[0][:512], *real_material.mnist("t10k")


def pictures(model: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    x, y = real_material.cifar10("test_1000")
    known = real_material.cifar10("train_first4000")[0][:512]
    return model, known.transpose(0, 3, 1, 2) / 255, x.transpose(0, 3, 1, 2) / 255, y


def tutorial() -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """The network of NengoDL's tutorial, trained as there."""
    sys.path.insert(0, str(real_material.ROOT / "examples"))
    try:
        from nengo_dl_tutorial import mnist_data, trained_network
    finally:
        sys.path.pop(0)
    place: Path = real_material.data_file("mnist/t10k-images-idx3-ubyte.gz").parent
    (x, y), test = mnist_data(place)
    return trained_network(x, y, 2, 0), x[:512], *test


WHOLE = bool(os.environ.get("SPIKEPORT_WHOLE_TEST_SETS"))
CASES = {  # what it takes, how many samples, steps, points
    "06": (lambda: digits(real_material.model_path("06")), 2000, 64, 0.5),
    "13": (lambda: digits(real_material.model_path("13")), 10000, 64, 0.5),
    "16": (lambda: digits(real_material.model_path("16")), 10000, 64, 0.5),
    "tutorial": (tutorial, 1000, 64, 0.5),
    "30": (lambda: pictures(real_material.model_path("30")), 200, 100, 3.0),
}


@pytest.mark.parametrize("name", CASES)
def test_little_is_lost(name: str) -> None:
    make, count, steps, points = CASES[name]
    model, known, x, y = make()
    if not WHOLE:
        x, y = x[:count], y[:count]
    net = spikeport.convert(model, calibration=known, target="loihi")
    started = time.perf_counter()
    score = spikeport.evaluate(net, x, y, n_steps=steps, backend="loihi", calibration=known)
    assert time.perf_counter() - started < 60 * MINUTES
    assert score.keras_accuracy is not None
    assert 100 * (score.keras_accuracy - score.accuracy[-1]) <= points
