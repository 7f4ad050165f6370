"""A measured program as a process that stays alive over the rounds."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


class ContestantError(RuntimeError):
    """What a program could not do, in one line."""


class Contestant:
    """One program; use it in a ``with``.

    Parameters
    ----------
    script
        A file of this folder that calls `worker.serve`.
    arguments
        The network's folder, the steps, and what else the script takes.
    threads
        For every library that counts its threads by the environment.
    """

    def __init__(
        self, name: str, python: Path | str, script: str, arguments: Sequence[object], threads: int, log: Path
    ) -> None:
        self.name = name
        self._log = log
        command = [str(python), str(HERE / script), *map(str, arguments)]
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**os.environ, **thread_settings(threads)},
            )
        hello = self._read()
        self.version: str = hello["version"]
        self.candidates: list[dict[str, Any]] = hello["candidates"]

    def measure(self, settings: Mapping[str, Any], images: int, at_least: float = 0.0) -> tuple[float, np.ndarray]:
        """Return the seconds for one image, and the class of each."""
        asked = json.dumps({"settings": settings, "images": images, "at_least": at_least})
        with contextlib.suppress(OSError):  # it has ended: reading says why
            self._process.stdin.write(asked + "\n")
            self._process.stdin.flush()
        answer = self._read()
        return answer["seconds"], np.array(answer["answers"])

    def close(self) -> None:
        """End it, by closing its input."""
        with contextlib.suppress(OSError):  # what could not be sent to one that has ended
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            lines = [s for s in self._log.read_text(encoding="utf-8", errors="replace").splitlines() if s.strip()]
            code = self._process.wait()
            self.close()
            raise ContestantError(f"{self.name} ended with {code}: {lines[-1] if lines else 'no message'}")
        answer = json.loads(line)
        if "error" in answer:
            raise ContestantError(f"{self.name}: {answer['error']}")
        return answer


def thread_settings(threads: int) -> dict[str, str]:
    """The environment that gives each library so many threads, which do not spin while others are measured."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    names += ("TF_NUM_INTRAOP_THREADS",)
    return {**dict.fromkeys(names, str(threads)), "KMP_BLOCKTIME": "1", "PYTHONUNBUFFERED": "1"}
