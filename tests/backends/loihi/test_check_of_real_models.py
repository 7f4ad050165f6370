"""`spikeport check MODEL --backend loihi` on models that other people trained: an answer for each part, in seconds."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

import real_material

SECONDS = 5  # of the processor: a busy machine makes the wall clock slower

# model → whether it goes on the chip, and a part with a word of what is said of it
ANSWERS = {
    "18": (False, "max_pooling2d_1", "the maximum of spike rates has no counterpart between neurons of the chip"),
    "33": (True, "activation_2", "on the chip: 16 cores"),
    "44": (True, "activation_1", "on the chip"),
}


@pytest.mark.parametrize("number", ANSWERS)
def test_every_part_has_an_answer(number: str) -> None:
    fits, part, words = ANSWERS[number]
    command = [
        sys.executable,
        "-m",
        "spikeport",
        "check",
        real_material.model_path(number),
        "--backend",
        "loihi",
        "--json",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
    assert done.returncode == (0 if fits else 1), done.stderr
    placement = json.loads(done.stdout)["placement"]
    assert all(entry["detail"] for entry in placement)
    said = {entry["name"]: entry["detail"] for entry in placement}
    assert [text for name, text in said.items() if name.startswith(part) and words in text], said
    assert all("AssertionError" not in text and "Total synapse bits" not in text for text in said.values())
