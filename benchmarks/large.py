"""One image through ResNet50 and VGG16 at 224 × 224: time, spikes, and the memory that it takes.

Run it as ``python benchmarks/large.py [--networks ResNet50,VGG16] [--steps 32]``. The weights are random and the
calibration samples noise, so that nothing is downloaded. The saved network is run by ``spikeport run`` in a process of
its own, whose time and peak memory are told, reading the file included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (224, 224, 3)


def make(name: str, path: Path, steps: int) -> None:
    """Convert a network with random weights and save it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import spikeport

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    noise = np.random.default_rng(0).normal(size=(8, *SHAPE)).astype(np.float32)
    spikeport.convert(model, calibration=noise, target_steps=steps).save(path)


def run(path: Path, data: Path, steps: int, facts: Path) -> dict[str, Any]:
    """Run one image in a process of its own; return its facts, with seconds and the peak memory in GiB."""
    began = time.perf_counter()
    options = ["--data", str(data), "--steps", str(steps), "--json"]
    with facts.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "spikeport", "run", str(path), *options], stdout=out)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"large.py: spikeport run {path} ended with status {process.returncode}")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "gibibytes": used.ru_maxrss / 2**20,
        "spikes": sum(json.loads(facts.read_text())["spikes_per_sample"].values()),
    }


def main() -> None:
    """Make each network in a process of its own, run it, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", default="ResNet50,VGG16", help="names in keras.applications")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--keep", type=Path, help="folder for the converted networks; those that are there are used")
    parser.add_argument("--make", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.keep / f"{options.make}.h5", options.steps)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        data = folder / "image.npz"
        np.savez(data, x=np.random.default_rng(1).normal(size=(1, *SHAPE)).astype(np.float32))
        print("| network | steps | seconds | CPU seconds | spikes | GiB |\n|---|---|---|---|---|---|")
        for name in options.networks.split(","):
            if not (folder / f"{name}.h5").exists():
                again = [sys.executable, __file__, "--make", name, "--keep", str(folder), "--steps", str(options.steps)]
                subprocess.run(again, check=True, stdout=subprocess.DEVNULL)
            facts = run(folder / f"{name}.h5", data, options.steps, folder / f"{name}.json")
            figures = [f"{facts['seconds']:.1f}", f"{facts['cpu_seconds']:.1f}", f"{facts['spikes']:,.0f}"]
            print("|", " | ".join([name, str(options.steps), *figures, f"{facts['gibibytes']:.2f}"]), "|", flush=True)


if __name__ == "__main__":
    main()
