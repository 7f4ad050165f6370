"""Time and memory of a conversion, for the families of keras.applications with random weights.

Run it as ``python benchmarks/conversion.py [FAMILY …] [--quick]``. Each step runs in a process of its own, which does
not import Keras; so does making the files, since a process inherits the peak memory of the one that starts it. "above"
is the peak above that of converting the digits network that ships with spikeport, which stands for the interpreter and
its packages; the target is less than 3 times the file's size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = 8
FAMILIES = {
    "VGG16": 64,
    "ResNet50": 64,
    "ResNet50V2": 64,
    "InceptionV3": 75,
    "Xception": 71,
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "DenseNet121": 64,
    "NASNetMobile": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "ConvNeXtTiny": 64,
}
QUICK = ("MobileNetV2", "ResNet50")
LARGE = ("ResNet50", 224)  # the size it is made for: checked only


class Measured(NamedTuple):
    """What one step took."""

    seconds: float
    peak: float  # MB


def make(name: str, side: str, path: str) -> None:
    """Write a family's model to a file."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    build = getattr(keras.applications, name)
    build(weights=None, input_shape=(int(side), int(side), 3), classes=1000, classifier_activation=None).save(path)
    print(json.dumps({"seconds": 0.0, "peak": 0.0}))


def check(path: str) -> None:
    import spikeport

    start = time.perf_counter()
    report, _ = spikeport.check(path)
    tell(start, convertible=report.convertible)


def convert(path: str, *shape: str) -> None:
    import numpy as np

    import spikeport

    samples = np.random.default_rng(0).uniform(0, 1, (SAMPLES, *map(int, shape)))
    start = time.perf_counter()
    spikeport.convert(path, samples)
    tell(start)


def tell(start: float, **facts: Any) -> None:
    """Print what this process took."""
    loaded = {"keras", "tensorflow"} & set(sys.modules)
    if loaded:
        sys.exit(f"expected to measure without {loaded}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"seconds": time.perf_counter() - start, "peak": peak, **facts}))


STEPS: dict[str, Callable[..., None]] = {"make": make, "check": check, "convert": convert}


def alone(step: str, *arguments: object) -> Measured:
    """Run a step in a process of its own."""
    command = [sys.executable, __file__, "--step", step, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"{step} {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
    facts = json.loads(done.stdout.splitlines()[-1])
    return Measured(facts["seconds"], facts["peak"])


def print_row(name: str, side: int, path: Path, steps: Sequence[tuple[Measured | None, float]]) -> None:
    size = path.stat().st_size / 1e6
    cells = [f"{name:17s}{side:5d}{size:9.1f}"]
    for measured, constant in steps:
        if measured is None:
            cells.append(f"{'–':>9s}{'–':>9s}{'–':>9s}")
            continue
        above = measured.peak - constant
        cells.append(f"{measured.seconds:9.2f}{above:9.0f}{above / size:9.2f}")
    print("".join(cells), flush=True)


def main() -> None:
    """Measure the families and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"out of {', '.join(FAMILIES)}; default: all")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)} only")
    options = parser.parse_args()
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"expected families out of {', '.join(FAMILIES)}, received {', '.join(sorted(unknown))}")
    names = options.families or (QUICK if options.quick else tuple(FAMILIES))

    digits = Path(__file__).resolve().parents[1] / "demo" / "digits.h5"
    constants = [alone("check", digits).peak, alone("convert", digits, 8, 8, 1).peak]
    print(f"{SAMPLES} samples; constant: check {constants[0]:.0f} MB, convert {constants[1]:.0f} MB")
    step = f"{'s':>9s}{'MB above':>9s}{'× file':>9s}"
    print(f"{'':22s}{'':9s}{'check':>9s}{'':18s}{'convert':>9s}")
    print(f"{'family':17s}{'side':>5s}{'file MB':>9s}{step}{step}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        for name in names:
            side = FAMILIES[name]
            alone("make", name, side, path)
            steps = [alone("check", path), alone("convert", path, side, side, 3)]
            print_row(name, side, path, list(zip(steps, constants, strict=True)))
        if LARGE[0] in names:
            alone("make", *LARGE, path)
            print_row(*LARGE, path, [(alone("check", path), constants[0]), (None, 0.0)])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](*sys.argv[3:])
    else:
        main()
