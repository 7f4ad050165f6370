"""What every measured program does: say what it is, then time what it is asked to, in JSON lines over its pipes.

It is started as ``PROGRAM FOLDER STEPS``. Its first line says its version and the settings to try. To
``{"settings": …, "images": n, "at_least": seconds}`` it answers with the seconds for each image and its answers.
This file runs on Python 3.9 too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[], Any]
Prepare = Callable[[dict], Callable[[np.ndarray], Work]]
"""From settings to a function that takes samples ``(n, *shape)`` into the form that the program wants, and returns the
timed work: a function without arguments that returns the class of each sample."""


def serve(version: str, candidates: list[dict], prepare: Prepare) -> None:
    """Answer requests until the pipe is closed; the candidates are the settings to choose from."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    samples = samples_in(folder())
    _tell(pipe, {"version": version, "candidates": candidates})
    settings = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if settings != asked["settings"]:
                with_samples, work, count = None, None, 0  # frees the memory of those before
                with_samples, settings = prepare(asked["settings"]), asked["settings"]
            if count != asked["images"]:
                work, count = None, asked["images"]
                work = with_samples(samples[:count])
                work()  # compiles and warms up
            _tell(pipe, measure(work, count, asked["at_least"]))
        except Exception as error:  # one line for whoever asked, whatever it was
            settings = None
            _tell(pipe, {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})


def measure(work: Work, count: int, at_least: float) -> dict[str, Any]:
    """Repeat the work until it took so many seconds."""
    times = 0
    start = time.perf_counter()
    while True:
        answers = work()
        times += 1
        taken = time.perf_counter() - start
        if taken >= at_least:
            return {"seconds": taken / (times * count), "answers": np.asarray(answers).tolist()}


def folder() -> Path:
    """The network's folder, from the command line."""
    return Path(sys.argv[1])


def steps() -> int:
    """The steps to run, from the command line."""
    return int(sys.argv[2])


def samples_in(place: Path) -> np.ndarray:
    """The samples ``(n, *shape)`` that everybody gets, float32."""
    return np.load(place / "samples.npy")


def batches(count: int, batch: int) -> list[slice]:
    """Cut so many samples into batches."""
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


def _tell(pipe: Any, message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()
