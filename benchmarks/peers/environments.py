"""The peers' virtual environments: made once, then reused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class NoEnvironmentError(RuntimeError):
    """An environment that cannot be made, in one line."""


class Environment(NamedTuple):
    """One virtual environment; its pip commands, each a list of requirements."""

    name: str
    python: str  # "" for the Python that runs this
    installs: tuple[tuple[str, ...], ...]


def environments(torch: str, torch_index: str | None) -> dict[str, Environment]:
    """All of them. NengoDL's last release needs an old Python, TensorFlow and NumPy.

    Parameters
    ----------
    torch
        What pip is asked for: "torch", or with a version.
    torch_index
        The index that this comes from, where it is not pip's own: PyTorch's for CPUs, for example.
    """
    index = ("--index-url", torch_index) if torch_index else ()
    spiking = ("snntorch", "spikingjelly", "sinabs", torch)
    old = ("tensorflow-cpu<2.11", "numpy<1.24", "protobuf<3.21", "nengo", "jinja2", "packaging", "progressbar2")
    return {
        "torch": Environment("torch", "", ((torch, *index), spiking)),
        "nengodl": Environment("nengodl", "3.9", (old, ("--no-deps", "nengo-dl==3.6.0"))),  # it asks for "tensorflow"
    }


def find_python(version: str, given: str | None) -> str:
    """The path of a Python of this version, "" being this one.

    Raises
    ------
    NoEnvironmentError
        When there is none.
    """
    if not version:
        return sys.executable
    found = shutil.which(given or f"python{version}")
    told = _output([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) if found else ""
    if told != version:
        where = (
            f"{given}, which is {told or 'no Python'}" if given else f"python{version} on PATH, found none that runs"
        )
        raise NoEnvironmentError(f"NengoDL needs Python {version}: looked for {where}; name one with --python39 PATH")
    return str(found)


def require(environment: Environment, folder: Path, python: str | None = None) -> Path:
    """Return the Python of an environment in this folder, made now if it is not there.

    Raises
    ------
    NoEnvironmentError
        When it cannot be made.
    """
    place = folder / environment.name
    done, wanted = place / "installed.json", [list(each) for each in environment.installs]
    inside = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if done.is_file() and json.loads(done.read_text(encoding="utf-8")) == wanted:
        return inside
    base = find_python(environment.python, python)
    shutil.rmtree(place, ignore_errors=True)
    print(f"making {place}", file=sys.stderr, flush=True)
    _run([base, "-m", "venv", str(place)])
    for packages in wanted:
        print(f"  pip install {' '.join(packages)}", file=sys.stderr, flush=True)
        _run([str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    done.write_text(json.dumps(wanted), encoding="utf-8")  # last: without it the environment is made again
    return inside


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        wrong = [line for line in lines if line.startswith("ERROR")] or lines
        raise NoEnvironmentError(f"{' '.join(command[:6])} …: {wrong[-1] if wrong else 'failed'}")


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    return "" if done.returncode else done.stdout.strip()
