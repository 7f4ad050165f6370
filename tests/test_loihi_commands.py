"""The ladder to Loihi, place and emulate, for a small network."""

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


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spikeport", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_ladder_is_a_command(network: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, x=small_files.samples(6))
    done = run("ladder", network, "--data", data, "--steps", 16, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [rung["name"] for rung in printed["rungs"]] == list(RUNGS)
    assert printed["rungs"][3]["accuracy"] is None


def test_place_tells_what_fills_the_cores_and_emulate_runs_it(network: Path, tmp_path: Path) -> None:
    data, chip = tmp_path / "data.npz", tmp_path / "chip.h5"
    x = small_files.samples(6)
    np.savez(data, x=x, y=np.arange(6) % 4)
    done = run("place", network, "--calibrate", data, "--steps", 16, "-o", chip, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    (row,) = printed["placement"]
    assert (printed["cores"], printed["steps"], row["cores"]) == (1, 16, 1)
    assert set(row["uses"]) == {"compartments", "in-axons", "out-axons", "synapses"}
    assert all(0 <= use["used"] <= use["limit"] for use in row["uses"].values())
    table = run("place", network).stdout
    for word in (row["layer"], "1 cores", "compart", "◀", "host to chip"):
        assert word in table
    done = run("emulate", chip, "--data", data, "--samples", 5)
    assert done.returncode == 0, done.stderr
    for words in ("5 samples, 16 steps, 1 cores", "of 5", "from the host to the chip", "estimated, not measured"):
        assert words in done.stdout
    expected = spikeport.load(network).run(x[:5], 16, backend="loihi", calibration=x).output
    np.testing.assert_array_equal(spikeport.load_chip(chip).run([x[:5]]).output, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("emulate", "NET", "--data", "DATA"),
            "expected a chip program that spikeport saved, received another HDF5 file",
        ),
        (("emulate", "NET", "--data", "DATA", "--samples", 0), "--samples: expected at least 1, received 0"),
        (("place", "NET", "-o", "NET"), "net.h5"),
        (("ladder", "NET", "--data", "DATA", "--samples", 0), "--samples: expected at least 1, received 0"),
    ],
)
def test_misuse_is_one_sentence(network: Path, tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, x=small_files.samples(2))
    done = run(*({"NET": network, "DATA": data}.get(str(a), a) for a in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
