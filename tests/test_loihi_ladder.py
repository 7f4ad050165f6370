"""The ladder to Loihi: which rung costs what, for a small network."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import small_files
import spikeport
from spikeport.loihi_ladder import RUNGS

pytestmark = [
    pytest.mark.loihi,
    pytest.mark.skipif(importlib.util.find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed"),
]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions, so that one of them is on the chip, and a dense layer."""
    keras.utils.set_random_seed(1)
    image = keras.Input((6, 6, 1))
    hidden = layers.Conv2D(4, 3, activation="relu")(layers.Conv2D(3, 1, activation="relu")(image))
    model = keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(hidden)))
    path = tmp_path_factory.mktemp("ladder") / "net.h5"
    spikeport.convert(model, calibration=small_files.samples(32), target="loihi").save(path)
    return path


def test_each_rung_is_measured_against_the_model(network: Path) -> None:
    net, x = spikeport.load(network), small_files.samples(24)
    y = net.run(x, spiking=False).output.argmax(axis=-1)
    done: list[int] = []
    result = spikeport.ladder(net, x, y, 64, calibration=x, on_progress=done.append)
    assert [rung.name for rung in result.rungs] == list(RUNGS)
    assert (sum(done), result.samples, result.steps) == (24, 24, 64)
    first, *others = result.rungs
    assert (first.accuracy, first.changed, first.output_error, first.error) == (1, 0, 0, {})
    for rung in others:
        assert rung.accuracy is not None
        assert rung.accuracy > 0.7
        assert 0 < rung.output_error < 0.3
        assert rung.error
        assert all(0 < error < 0.5 for error in rung.error.values())
    spikes, chip_neurons, chip = others
    assert spikes.error != chip_neurons.error != chip.error
    exact = net.run(x, 64, backend="loihi", calibration=x).output.argmax(axis=-1)
    assert chip.accuracy == np.mean(exact == y)
    assert "% right" in str(result)


def test_the_command_prints_the_same(network: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, x=small_files.samples(6))
    done = subprocess.run(
        [sys.executable, "-m", "spikeport", "ladder", network, "--data", data, "--steps", "16", "--json"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [rung["name"] for rung in printed["rungs"]] == list(RUNGS)
    assert printed["rungs"][3]["accuracy"] is None
