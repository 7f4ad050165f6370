"""Two questions of the Nengo forum: each is answered by the text of the report, or by the figures of the network."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import real_material
import spikeport

# the forum's questions, and what the report says to each
ANSWERS = {
    "regularisers": ["act in training only", "kernel_regularizer of conv1, conv2, hidden"],
    "dropout": ["does nothing at inference", "it drops values in training only"],
    "max pooling": [
        "max pooling, exact",
        "before the neurons of conv1",
        "before the neurons of conv2",
        "winners spike",
    ],
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


EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "forum_conv3d.py"


def clip_classifier(*sizes: Any) -> keras.Model:
    """The network of the example: Conv3D, MaxPooling3D, Dense with regularisers and dropout."""
    spec = importlib.util.spec_from_file_location("forum_conv3d", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.forum_network(*sizes)


def told(report: spikeport.Report) -> str:
    """What the printed report says, as one line: without the lines of its tables, which break sentences up."""
    entries = (*report.layers, *report.placement, *report.notes)
    printed = " ".join(re.sub(r"[│┃]", " ", str(report)).split())
    for entry in entries:
        assert entry.code in printed
    return " ".join([printed, *(f"{entry.sentence} {entry.reason.remedy}" for entry in entries)])


def assert_answers(text: str, *tables: Mapping[str, Sequence[str]]) -> None:
    missing = [
        f"{question}: {words}"
        for table in tables
        for question, all_words in table.items()
        for words in all_words
        if words not in text
    ]
    assert not missing, f"{missing} in {text}"


@pytest.fixture(scope="module", params=["live", ".h5", ".keras"])
def clips(request, tmp_path_factory):
    """The network with fewer filters, live and from files."""
    model = clip_classifier((4, 8), 32)
    if request.param == "live":
        return model
    path = tmp_path_factory.mktemp("forum") / f"forum{request.param}"
    model.save(path)
    return path


@pytest.mark.parametrize("backend", [None, "cpu", "nengo", "loihi"])
def test_the_report_answers_all_five_questions(clips, backend):
    report, _ = spikeport.check(clips, backend=backend)
    assert {entry.severity.value for entry in report.layers} == {"exact"}
    assert_answers(told(report), ANSWERS, *([ON_LOIHI] if backend == "loihi" else []))


def test_the_clip_classifier_converts_and_comes_closer_with_the_steps():
    model = clip_classifier((4, 8), 32)
    x = np.random.default_rng(0).random((2, 16, 36, 64, 3), np.float32)
    net = spikeport.convert(model, x)
    assert_answers(told(net.report), ANSWERS)
    expected = np.asarray(model(x))
    assert np.abs(net.run(x, spiking=False).output - expected).max() < 1e-4 * np.ptp(expected)
    over_time = next(iter(net.run(x, 64).outputs_over_time.values()))
    early, late = (np.abs(over_time[:, t - 1] - expected).mean() for t in (4, 64))
    assert late < 0.2 * early


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_the_full_clip_classifier_is_checked_in_seconds(suffix, tmp_path):
    """51 million parameters; in a process of its own, with what the command takes to start."""
    clip_classifier().save(tmp_path / f"forum{suffix}")
    command = [sys.executable, "-m", "spikeport", "check", str(tmp_path / f"forum{suffix}"), "--backend", "loihi"]
    started = time.perf_counter()
    done = subprocess.run([*command, "--json"], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8")
    assert time.perf_counter() - started < 15  # about 2 on a machine with nothing else to do
    assert (done.returncode, done.stderr) == (1, "")  # Loihi does not take it as it is
    report, _ = spikeport.check(tmp_path / f"forum{suffix}", backend="loihi")
    assert_answers(told(report), ANSWERS, ON_LOIHI, FULL_ON_LOIHI)


def autoencoder() -> keras.Model:
    """Convolutions and same-padded max pooling down to 7 × 7, transposed convolutions back up to 28 × 28."""
    same = {"padding": "same", "activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="noisy"),
            layers.Conv2D(32, 3, **same),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(32, 3, **same),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2DTranspose(32, 3, strides=2, **same),
            layers.Conv2DTranspose(32, 3, strides=2, **same),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ],
        name="autoencoder",
    )


def assert_nothing_falls_back(report: spikeport.Report) -> None:
    assert report.convertible
    assert {entry.severity.value for entry in report.layers} == {"exact"}
    assert "layer-host" not in {entry.code for entry in report.layers}


def errors_over_steps(net: spikeport.SpikingNetwork, x: np.ndarray, wanted: np.ndarray, steps: Sequence[int]) -> Any:
    """Mean squared errors after so many steps; spikes must have been sent."""
    result = net.run(x, steps[-1])
    assert all(count.min() > 0 for count in result.spike_counts.values())
    over_time = next(iter(result.outputs_over_time.values()))
    return [float(np.mean((over_time[:, t - 1] - wanted) ** 2)) for t in steps]


@pytest.mark.parametrize("neurons", ["graded", "binary"])
def test_the_autoencoder_comes_closer_with_the_steps(neurons):
    keras.utils.set_random_seed(0)
    model = autoencoder()
    x = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    net = spikeport.convert(model, x, neurons=neurons)
    assert_nothing_falls_back(net.report)
    expected = np.asarray(model(x))
    assert np.abs(net.run(x, spiking=False).output - expected).max() < 1e-5
    errors = errors_over_steps(net, x, expected, (1, 2, 4, 8, 16, 30))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05 * errors[0]


def noisy_digits(part: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """MNIST images, clean and with the noise that the real autoencoder was trained on."""
    clean = real_material.mnist(part)[0][:count]
    noise = 0.5 * np.random.default_rng(seed).normal(size=clean.shape)
    return clean, np.clip(clean + noise, 0, 1).astype(np.float32)


def test_a_real_autoencoder_denoises_in_spikes():
    path = real_material.model_path("22")
    net = spikeport.convert(path, noisy_digits("train", 64, seed=1)[1])
    assert_nothing_falls_back(net.report)
    clean, noisy = noisy_digits("t10k", 20, seed=0)
    rates = net.run(noisy, spiking=False).output
    beside_keras = errors_over_steps(net, noisy, rates, (2, 8, 30))
    assert beside_keras == sorted(beside_keras, reverse=True)
    assert beside_keras[-1] < 1e-4
    (error,) = errors_over_steps(net, noisy, clean, (30,))
    assert error < np.mean((rates - clean) ** 2) + 5e-4


@pytest.mark.slow
def test_a_real_autoencoder_has_the_error_that_others_measured():
    net = spikeport.convert(real_material.model_path("22"), noisy_digits("train", 256, seed=1)[1])
    clean, noisy = noisy_digits("t10k", 1000, seed=0)
    assert np.mean((net.run(noisy, spiking=False).output - clean) ** 2) == pytest.approx(0.0105, abs=0.0005)
    (error,) = errors_over_steps(net, noisy[:100], clean[:100], (30,))
    assert error == pytest.approx(0.0105, abs=0.001)
