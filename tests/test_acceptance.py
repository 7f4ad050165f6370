"""What the project promises, on real models made by other people and on real data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import real_material
import spikeport
from spikeport.cli import main

HEAVY = ("tensorflow", "keras", "tf_keras", "nengo", "nengo_loihi", "numba")
PRESETS = ("graded", "binary")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "keras_percent"), [("18", 99.28), ("06", 99.14), ("19", 99.18)])
def test_sixteen_steps_keep_the_accuracy_on_all_of_mnist(number, keras_percent, tmp_path, capsys):
    images, labels = real_material.mnist("t10k")
    calibration, _ = real_material.mnist("train")
    np.savez(tmp_path / "C.npz", x=calibration[:256])
    np.savez(tmp_path / "T.npz", x=images, y=labels)
    net = str(tmp_path / "net.h5")
    model = str(real_material.model_path(number))

    assert main(["convert", model, "--calibrate", str(tmp_path / "C.npz"), "--steps", "16", "-o", net]) == 0
    capsys.readouterr()
    assert main(["evaluate", net, "--data", str(tmp_path / "T.npz"), "--steps", "16", "--json"]) == 0
    score = json.loads(capsys.readouterr().out)

    assert (score["samples"], score["steps"], len(score["accuracy"])) == (10_000, 16, 16)
    assert 100 * score["keras_accuracy"] == pytest.approx(keras_percent, abs=0.005)
    assert abs(100 * score["accuracy"][-1] - keras_percent) <= 0.4


class Known(NamedTuple):
    """A share of right answers that others measured with Keras itself."""

    number: str
    percent: float
    data: str


KNOWN = [
    Known("04", 98.96, "mnist"),  # written by the Theano backend: kernels are turned by 180 degrees
    Known("06", 99.14, "mnist"),
    Known("10", 97.95, "mnist"),
    Known("13", 97.16, "mnist"),
    Known("16", 97.46, "mnist"),
    Known("18", 99.28, "mnist"),
    Known("19", 99.18, "mnist"),
    Known("20", 98.54, "mnist"),
    Known("27", 96.8, "fashion csv"),
    Known("27", 96.3, "fashion sprite"),
    Known("30", 82.9, "cifar first"),  # channels first, written by Keras 1
    Known("33", 87.0, "cifar raw"),
    Known("36", 90.6, "cifar minus mean"),
    Known("39", 72.7, "cifar"),
    Known("47", 91.1, "wake words"),
]


def labelled(data: str) -> tuple[np.ndarray, np.ndarray]:
    """Samples and labels, preprocessed as the models of this kind of data want them."""
    kind, _, part = data.partition(" ")
    if kind == "mnist":
        return real_material.mnist("t10k")
    if kind == "fashion":
        return real_material.fashion_mnist(part)
    if data == "wake words":
        return real_material.wake_words()
    images, labels = real_material.cifar10("test_1000")
    if part == "raw":
        return images, labels
    images = images / np.float32(255)
    if part == "first":
        images = images.transpose(0, 3, 1, 2)
    elif part == "minus mean":
        images = images - real_material.cifar10_mean_image()
    return images, labels


@pytest.mark.slow
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.number} {known.data}")
def test_the_rate_network_has_the_accuracy_that_others_measured(known):
    path = real_material.model_path(known.number)
    x, y = labelled(known.data)
    output = spikeport.convert(path).run(x, spiking=False).output
    assert 100 * np.mean(output.argmax(axis=1) == y) == pytest.approx(known.percent, abs=0.055)


@pytest.mark.slow
def test_weights_beside_their_architecture_have_the_accuracy_that_others_measured():
    path = real_material.model_path("01")
    images, labels = real_material.mnist("t10k")
    net = spikeport.convert(path, architecture=path.with_suffix(".json"))
    output = net.run(images.reshape(-1, 784), spiking=False).output
    assert 100 * np.mean(output.argmax(axis=1) == labels) == pytest.approx(98.15, abs=0.005)


@pytest.mark.slow
def test_a_denoising_autoencoder_denoises():
    clean = real_material.mnist("t10k")[0][:1000]
    noise = 0.5 * np.random.default_rng(0).normal(size=clean.shape)
    noisy = np.clip(clean + noise, 0, 1).astype(np.float32)
    output = spikeport.convert(real_material.model_path("22")).run(noisy, spiking=False).output
    assert np.mean((output - clean) ** 2) == pytest.approx(0.0105, abs=0.0005)


# Keras 3 wants a list of inputs for older files, and takes the one array that everybody passes
@pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning")
@pytest.mark.parametrize(
    ("number", "data"), [("18", "mnist"), ("19", "mnist"), ("27", "fashion csv"), ("33", "cifar raw"), ("39", "cifar")]
)
def test_the_rate_network_equals_keras(number, data):
    path = real_material.model_path(number)
    x = labelled(data)[0][:200]
    expected = keras_output(path, x)
    output = spikeport.convert(path).run(x, spiking=False).output
    assert np.abs(output - expected).max() < 1e-4 * np.ptp(expected)


def keras_output(path: Path, x: np.ndarray) -> np.ndarray:
    """What Keras 3 computes, or Keras 2 for a file that Keras 3 cannot open."""
    import keras

    try:
        model = keras.models.load_model(path, compile=False)
    except (TypeError, ValueError):
        import tf_keras

        model = tf_keras.models.load_model(path, compile=False)
    return np.asarray(model(x, training=False))


@pytest.mark.parametrize("neurons", PRESETS)
@pytest.mark.parametrize(("number", "data"), [("06", "mnist"), ("18", "mnist"), ("33", "cifar raw")])
def test_cpu_and_nengo_send_the_same_events(number, data, neurons):
    x, _ = labelled(data)
    net = spikeport.convert(real_material.model_path(number), x[-64:], neurons=neurons)
    populations = [node.name for node in net.graph.nodes.values() if node.op.kind == "Neurons"]
    cpu = net.run(x[:3], n_steps=16, backend="cpu", record=populations)
    nengo = net.run(x[:3], n_steps=16, backend="nengo", record=populations)

    assert len(populations) > 1
    for name in populations:
        assert np.count_nonzero(cpu.events[name])
        np.testing.assert_array_equal(cpu.events[name], nengo.events[name], err_msg=name)
    np.testing.assert_array_equal(cpu.synaptic_operations, nengo.synaptic_operations)
    np.testing.assert_allclose(cpu.output, nengo.output, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.loihi
def test_the_loihi_emulator_gets_eighteen_of_twenty_right(tmp_path, capsys):
    if "loihi" not in spikeport.BACKENDS:
        pytest.skip("the registry holds no loihi backend yet")
    pytest.importorskip("nengo_loihi", reason="needs nengo-loihi")
    images, labels = real_material.mnist("t10k")
    calibration, _ = real_material.mnist("train")
    np.savez(tmp_path / "C.npz", x=calibration[:256])
    np.savez(tmp_path / "T.npz", x=images[:20], y=labels[:20])
    net = str(tmp_path / "net.h5")
    model = str(real_material.model_path("06"))

    arguments = ["--calibrate", str(tmp_path / "C.npz"), "--target", "loihi", "-o", net]
    assert main(["convert", model, *arguments]) == 0
    capsys.readouterr()
    assert main(["run", net, "--data", str(tmp_path / "T.npz"), "--backend", "loihi", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)

    assert facts["right"] >= 18
    told = json.dumps(facts["deployment"])
    for word in ("cores", "neurons", "host"):
        assert word in told
    assert main(["report", net, "--backend", "loihi"]) == 0
    assert "host" in capsys.readouterr().out


CONVERTIBLE = [n for n in real_material.model_numbers() if n not in real_material.UNCONVERTIBLE]


@pytest.mark.skipif(not CONVERTIBLE, reason="needs the folder of models (SPIKEPORT_MODELS)")
def test_checking_models_imports_no_simulator_and_no_keras():
    """One fresh process for all files; what the first one imported is still there after the last."""
    paths = [str(real_material.model_path(number)) for number in CONVERTIBLE]
    program = (
        "import sys\n"
        "from spikeport.cli import main\n"
        f"for path in {paths!r}:\n"
        "    assert main(['check', path]) == 0, path\n"
        f"sys.exit('imported: ' + ' '.join(sorted(set({HEAVY!r}) & set(sys.modules))) + '.')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.stderr.strip() == "imported: ."


class Broken(NamedTuple):
    name: str
    code: int
    words: str


BROKEN = [
    Broken("88", 2, "a web page"),
    Broken("89", 2, "git-LFS pointer"),
    Broken("folder", 2, "a folder"),
    Broken("missing", 2, "no file of this name"),
    Broken("empty", 2, "an empty file"),
    Broken("01", 2, "weights only"),
    Broken("58", 1, "Lambda"),
    Broken("24", 1, "LSTM"),
]


@pytest.mark.parametrize("command", ["check", "convert"])
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_file_gets_one_sentence_and_nothing_is_written(broken, command, tmp_path, capsys, monkeypatch):
    path = broken_file(broken.name, tmp_path)
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)

    output: list[Any] = ["-o", "net.h5", "--report", "report.json"] if command == "convert" else []
    code = main([command, str(path), *output])
    printed = capsys.readouterr()

    assert code == broken.code
    assert listing(tmp_path) == before
    assert "Traceback" not in printed.out + printed.err
    if command == "check" and code == 1:  # the report itself is what was asked for
        assert broken.words in printed.out
        assert printed.err == ""
    else:
        assert printed.err.count("\n") == 1
        assert broken.words in printed.err
        assert printed.out == ""


def broken_file(name: str, place: Path) -> Path:
    """A file that is no convertible model, in a folder of its own."""
    if name.isdigit():
        return Path(shutil.copy(real_material.model_path(name), place))
    path = place / f"{name}.h5"
    if name == "folder":
        path.mkdir()
    elif name == "empty":
        path.touch()
    return path


def listing(place: Path) -> list[tuple[str, int, int]]:
    """Every file with its size and time."""
    return sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(place))
