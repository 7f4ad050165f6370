"""A saved chip program: it runs bit for bit as it did, needs no simulator, and a damaged one is refused."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import spikeport
from spikeport.backends.loihi.backend import LoihiBackend
from spikeport.converter.ops import AvgPool, Conv, Dense, Neurons, Reshape
from spikeport.errors import SourceError, UsageError

pytestmark = pytest.mark.loihi
ONE = np.ones(1, np.float32)
STEPS = 24


@pytest.fixture(scope="module")
def made(build: Any, calibrated: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A deployment, samples, and the file of what its chip runs."""
    if importlib.util.find_spec("nengo_loihi") is None:
        pytest.skip("nengo-loihi is not installed")
    rng = np.random.default_rng(0)

    def conv(*kernel: int) -> Conv:
        weights = rng.normal(size=kernel).astype(np.float32) / 2
        return Conv(kernel=weights, strides=(1, 1), dilation=(1, 1), padding=((0, 0), (0, 0)))

    graph = build(
        (9, 9, 1),
        "softmax",
        conv1=conv(2, 2, 1, 3),
        relu1=Neurons(threshold=ONE, scale=ONE),
        pool=AvgPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))),
        conv2=conv(2, 2, 3, 5),
        relu2=Neurons(threshold=ONE, scale=ONE),
        flat=Reshape(shape=(45,)),
        out=Dense(kernel=rng.normal(size=(45, 4)).astype(np.float32)),
    )
    samples = rng.random((7, 9, 9, 1)).astype(np.float32)
    deployment = LoihiBackend().deploy(calibrated(graph, samples), calibration=samples)
    path = tmp_path_factory.mktemp("chip") / "chip.h5"
    deployment.save(path, STEPS)
    return deployment, samples, path


def test_it_runs_as_it_did(made: Any) -> None:
    deployment, samples, path = made
    expected = deployment.run([samples], STEPS, record=["relu2"])
    chip = spikeport.load_chip(path, n_jobs=1)
    found = chip.run([samples], record=["relu2"])
    assert chip.n_steps == found.n_steps == STEPS
    np.testing.assert_array_equal(found.events["relu2"], expected.events["relu2"])
    np.testing.assert_array_equal(found.outputs_over_time["y"], expected.outputs_over_time["y"])
    np.testing.assert_array_equal(found.synaptic_operations, expected.synaptic_operations)
    assert found.events["relu2"].any()
    facts = json.loads(json.dumps(chip.facts))
    assert facts["cores"] == deployment.facts["cores"]
    assert facts["traffic"]["samples"] == len(samples)
    assert str(chip.estimate()) == str(deployment.estimate(STEPS))


def test_it_needs_neither_keras_nor_a_simulator(made: Any, tmp_path: Path) -> None:
    _, samples, path = made
    data = tmp_path / "data.npz"
    np.savez(data, x=samples, y=np.arange(len(samples)) % 4)
    program = f"""
import sys
for name in ("keras", "tensorflow", "nengo", "nengo_loihi"):
    sys.modules[name] = None
from spikeport.cli import main
sys.exit(main(["emulate", {str(path)!r}, "--data", {str(data)!r}, "--json"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert (printed["samples"], printed["steps"]) == (len(samples), STEPS)
    assert printed["estimate"]["measured_here"] is False
    assert all(constant["source"] and constant["grade"] for constant in printed["estimate"]["constants"])


DAMAGES = {
    "link_row": lambda a: a + 1000,
    "link_target": lambda a: a - 1000,
    "run_length": lambda a: a + 100_000,
    "run_weight": lambda a: a + 100_000,
    "run_start": lambda a: a[:-1],
    "first_link": lambda a: a[::-1],
    "first_run": lambda a: a - 1,
    "run_shift": lambda a: a + 99,
    "threshold": lambda a: a[:-1],
    "core": lambda a: a + 50,
    "synapses": lambda a: a[:-1],
    "weights": lambda a: a.astype(np.float32),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_numbers_that_name_nothing_are_refused(made: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "damaged.h5"
    path.write_bytes(made[2].read_bytes())
    with h5py.File(path, "r+") as file:
        values = file[f"arrays/chip {name}"][()]
        del file[f"arrays/chip {name}"]
        file[f"arrays/chip {name}"] = DAMAGES[name](values)
    with pytest.raises(SourceError, match=r"damaged\.h5: expected a sound network file"):
        spikeport.load_chip(path)


CHANGES = {
    "an arrival of another size": lambda s: s["arrivals"][0].update(size=3),
    "an arrival from nowhere": lambda s: s["arrivals"][0].update(source="nobody"),
    "a population elsewhere": lambda s: s["populations"]["relu2"].update(start=7),
    "a population of another shape": lambda s: s["voices"]["relu2"].update(shape=[1, 1, 5]),
    "too few worths": lambda s: s["voices"]["relu2"]["worth"].pop(),
    "a worth of nothing": lambda s: s["voices"]["relu1"].update(worth=[0.0, 0.0, 0.0]),
    "no depth": lambda s: s["voices"]["relu2"].update(depth=-1),
    "a voice that the graph lacks": lambda s: s["voices"].update(more=s["voices"]["relu1"]),
    "no steps": lambda s: s.update(steps=0),
    "no voices": lambda s: s.pop("voices"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_structures_that_contradict_themselves_are_refused(made: Any, tmp_path: Path, change: str) -> None:
    path = tmp_path / "damaged.h5"
    path.write_bytes(made[2].read_bytes())
    with h5py.File(path, "r+") as file:
        structure = json.loads(file["structure"][()].tobytes())
        CHANGES[change](structure)
        del file["structure"]
        file["structure"] = np.frombuffer(json.dumps(structure).encode(), np.uint8)
    with pytest.raises(SourceError, match=r"damaged\.h5: expected a sound network file"):
        spikeport.load_chip(path)


def test_other_files_are_refused(small_network: Path, made: Any) -> None:
    with pytest.raises(SourceError, match="expected a chip program that spikeport saved, received another HDF5 file"):
        spikeport.load_chip(small_network)
    with pytest.raises(SourceError, match="expected a network that spikeport saved, received another HDF5 file"):
        spikeport.load(made[2])


def test_without_rounding_there_is_nothing_to_save(made: Any, tmp_path: Path) -> None:
    other = LoihiBackend().deploy(made[0]._graph, target="float")
    with pytest.raises(UsageError, match="expected a deployment with target='sim' to save"):
        other.save(tmp_path / "chip.h5", STEPS)


def test_an_estimate_needs_a_run(made: Any) -> None:
    with pytest.raises(UsageError, match="expected samples that were run"):
        spikeport.load_chip(made[2]).estimate()
