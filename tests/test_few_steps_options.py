"""--correction and --early-exit: what they print, and what they refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import small_files
import spikeport
from spikeport.cli import main


@pytest.fixture(scope="module")
def binary(small_h5, tmp_path_factory) -> Path:
    """A network of binary neurons for 8 steps."""
    path = tmp_path_factory.mktemp("binary") / "net.h5"
    spikeport.convert(small_h5, small_files.samples(32), target_steps=8, neurons="binary").save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Samples with labels."""
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, x=small_files.samples(120), y=np.arange(120) % 4)
    return path


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("name", ["srp", "cos"])
def test_a_correction_is_named_with_its_steps(capsys, binary, data, name):
    corrected = ("--data", data, "--correction", name, "--correction-steps", 3)
    code, out, err = called(capsys, "run", binary, *corrected)
    assert (code, err) == (0, "")
    assert "120 samples, 8 steps after 3 of a first phase on cpu" in out
    code, out, err = called(capsys, "evaluate", binary, *corrected)
    assert (code, err) == (0, "")
    assert "each after a first phase of 3 steps, whose spikes are counted too" in out
    code, out, _ = called(capsys, "evaluate", binary, *corrected, "--json")
    assert json.loads(out)["extra_steps"] == 3


def test_an_early_exit_says_the_mean_steps(capsys, binary, data):
    asked = ("evaluate", binary, "--data", data, "--early-exit", 5, "--calibrate", data)
    code, out, err = called(capsys, *asked)
    assert (code, err) == (0, "")
    assert re.search(r"^mean steps [\d.]+ of 8$", out, re.MULTILINE)
    assert re.search(r"^stopped at step: \d \d+", out, re.MULTILINE)
    code, out, _ = called(capsys, *asked, "--exit-rule", "stable", "--correction", "cos", "--json")
    score = json.loads(out)
    assert code == 0
    assert (len(score["exit_steps"]), sum(score["exit_steps"]), score["extra_steps"]) == (8, 120, 4)


REFUSED: dict[str, tuple[str, str]] = {
    "correction elsewhere": ("run NET --data DATA --backend nengo --correction srp", "--backend cpu only"),
    "steps alone": ("run NET --data DATA --correction-steps 3", "--correction-steps: expected with --correction only"),
    "no steps": ("run NET --data DATA --correction cos --correction-steps 0", "at least 1, received 0"),
    "exit elsewhere": (
        "evaluate NET --data DATA --backend nengo --early-exit 1 --calibrate DATA",
        "--backend cpu only",
    ),
    "exit without samples": ("evaluate NET --data DATA --early-exit 1", "expected with --calibrate DATA.npz"),
    "rule alone": ("evaluate NET --data DATA --exit-rule stable", "--exit-rule: expected with --early-exit only"),
    "few samples": ("evaluate NET --data DATA --early-exit 0.1 --calibrate DATA", "at least 999 samples"),
    "samples alone": ("evaluate NET --data DATA --calibrate DATA", "--calibrate: expected with --backend loihi only"),
    "graded": ("run GRADED --data DATA --correction cos", "without negative events (neurons='binary')"),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_wrong_use_gets_one_sentence(capsys, binary, data, small_network, arguments, words):
    files = {"NET": binary, "DATA": data, "GRADED": small_network}
    code, out, err = called(capsys, *(files.get(part, part) for part in arguments.split()))
    assert (code, out) == (2, "")
    assert re.fullmatch(r"spikeport: [^\n]+\n", err)
    assert words in err
