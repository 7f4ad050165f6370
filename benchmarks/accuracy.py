"""Accuracy against steps for each way of converting, on real models, beside published figures.

Run it as ``python benchmarks/accuracy.py -o accuracy.json [--models 18,33] [--steps 1,2,4,8,16,32,64,128]``. It needs
the folders that SPIKEPORT_MODELS and SPIKEPORT_DATA name. Every figure is kept in the output file as soon as it is
there; a run that was stopped goes on from it. Nothing is calibrated on test images: the first 512 training images are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import spikeport
from spikeport import Stages
from spikeport.converter.storage import written_at_once
from spikeport.preparation import prepare

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import real_material

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
CALIBRATION = 512

Samples = tuple[np.ndarray, np.ndarray]


class Technique(NamedTuple):
    """One way of converting; ``for_steps`` says that the thresholds depend on the steps."""

    label: str
    neurons: str
    stages: Stages
    for_steps: bool


def _plain(**stages: Any) -> Stages:
    settings = {"thresholds": "percentile", "initial_voltage": "half", "bias": False, "potential": False}
    return Stages(**{**settings, "read_out": "whole", **stages})


TECHNIQUES = (
    Technique("binary, 99.9th percentile, v0 = 0", "binary", _plain(initial_voltage="zero"), False),
    Technique("binary, 99.9th percentile, v0 = ½", "binary", _plain(), False),
    Technique("binary, MMSE", "binary", _plain(thresholds="mmse"), True),
    Technique("binary, local threshold balancing", "binary", _plain(thresholds="balanced"), False),
    Technique("binary, MMSE, bias calibration", "binary", _plain(thresholds="mmse", bias=True), True),
    Technique("binary, MMSE, potential calibration", "binary", _plain(thresholds="mmse", potential=True), True),
    Technique("binary, fitted (spikeport's default for chips)", "binary", Stages(), True),
    Technique("graded, 99th percentile", "graded", _plain(), False),
    Technique("graded, fitted (spikeport's default)", "graded", Stages(), True),
)

# Post-training rows for CIFAR-10: network, ANN %, steps → SNN %. QCFS's tables 1-2 (Bu et al. 2022, arXiv 2303.04347)
# for RMP, TSC and SNNC-AP; the SNN_Calibration repository's README for its three stages, mean of 5 seeds.
PUBLISHED = (
    ("RMP, VGG-16", 93.63, {32: 60.30, 64: 90.35}),
    ("TSC, VGG-16", 93.63, {64: 92.79}),
    ("TSC, ResNet-20", 91.47, {64: 69.38}),
    ("SNNC-AP (calibrates weights), VGG-16", 95.72, {32: 93.71, 64: 95.14}),
    ("SNNC-AP (calibrates weights), ResNet-18", 95.46, {32: 94.78, 64: 95.30}),
    ("SNN Calibration, ResNet-20: none", 95.68, {16: 67.88}),
    ("SNN Calibration, ResNet-20: bias", 95.68, {16: 93.89}),
    ("SNN Calibration, ResNet-20: weights", 95.68, {16: 94.33}),
)


def _mnist() -> tuple[np.ndarray, Samples]:
    return real_material.mnist("train")[0][:CALIBRATION], real_material.mnist("t10k")


def _cifar(prepare: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, Samples]:
    train, _ = real_material.cifar10("train_first4000")
    test, labels = real_material.cifar10("test_1000")
    return prepare(train[:CALIBRATION]), (prepare(test), labels)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.float32(255)


def _wake_words() -> tuple[np.ndarray, Samples]:
    x, y = real_material.wake_words()
    return x, (x, y)  # the only samples there are: calibrated on what is scored


DATA: Mapping[str, Callable[[], tuple[np.ndarray, Samples]]] = {
    "06": _mnist,
    "18": _mnist,
    "20": _mnist,
    "30": lambda: _cifar(lambda x: np.ascontiguousarray(_unit(x).transpose(0, 3, 1, 2))),
    "33": lambda: _cifar(lambda x: x),
    "36": lambda: _cifar(lambda x: (_unit(x) - real_material.cifar10_mean_image()).astype(np.float32)),
    "39": lambda: _cifar(_unit),
    "47": _wake_words,
}
"""Model number → calibration samples, test samples with labels."""


class Subject:
    """A model, read and prepared once for all its conversions, with the samples that it is scored on."""

    def __init__(self, number: str, count: int) -> None:
        calibration, (x, y) = DATA[number]()
        self._x, self._y = x[:count], y[:count]
        self._prepared = prepare(real_material.model_path(number), calibration, layers=spikeport.LAYERS)

    def measured(self, technique: Technique, steps: int) -> tuple[dict[int, float], float]:
        """Return accuracy in percent by steps, up to ``steps``, and the model's own."""
        preset, report = spikeport.PRESETS[technique.neurons], self._prepared.new_report()
        graph = self._prepared.spiking(preset, technique.stages, steps, report)
        net = spikeport.SpikingNetwork(graph=graph, report=report.build(), target_steps=steps)
        score = spikeport.evaluate(net, self._x, self._y, n_steps=steps)
        return {t + 1: 100 * a for t, a in enumerate(score.accuracy)}, 100 * (score.keras_accuracy or 0.0)


def fill(results: dict[str, Any], numbers: list[str], steps: list[int], count: int, save: Callable[[], None]) -> None:
    """Measure what the results do not hold yet."""
    for number in numbers:
        subject: Subject | None = None
        for technique in TECHNIQUES:
            row = results.setdefault(f"{number}/{technique.label}/{count}", {})
            missing = [t for t in steps if str(t) not in row]
            for t in missing if technique.for_steps else missing[-1:]:
                subject = subject or Subject(number, count)
                by_steps, keras = subject.measured(technique, t)
                row["keras"] = keras
                row |= {str(s): by_steps[s] for s in ([t] if technique.for_steps else missing)}
                save()
                shown = f"{t} steps {by_steps[t]:.2f} %, model {keras:.2f} %"
                print(f"{number} {technique.label}: {shown}", file=sys.stderr, flush=True)


def table(results: Mapping[str, Any], number: str, steps: list[int], count: int) -> str:
    """Return one model's rows in Markdown."""
    lines = [
        f"| file {number} | model | " + " | ".join(f"T = {t}" for t in steps) + " |",
        "|---" * (len(steps) + 2) + "|",
    ]
    for technique in TECHNIQUES:
        row = results.get(f"{number}/{technique.label}/{count}")
        if row:
            cells = [f"{row[str(t)]:.2f}" if str(t) in row else "" for t in steps]
            lines.append(f"| {technique.label} | {row['keras']:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def published(steps: list[int]) -> str:
    """Return the published rows in Markdown."""
    lines = [
        "| published, CIFAR-10 | model | " + " | ".join(f"T = {t}" for t in steps) + " |",
        "|---" * (len(steps) + 2) + "|",
    ]
    for label, ann, row in PUBLISHED:
        lines.append(
            f"| {label} | {ann:.2f} | " + " | ".join(f"{row[t]:.2f}" if t in row else "" for t in steps) + " |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("accuracy.json"), help="results, read and written")
    parser.add_argument("--models", default=",".join(DATA), help=f"out of {','.join(DATA)}")
    parser.add_argument("--steps", default=",".join(map(str, STEPS)))
    parser.add_argument("--samples", type=int, default=500, help="test samples")
    options = parser.parse_args()
    steps = sorted(int(t) for t in options.steps.split(","))
    results: dict[str, Any] = json.loads(options.output.read_text()) if options.output.exists() else {}

    def save() -> None:
        with written_at_once(options.output) as temporary:
            temporary.write_text(json.dumps(results, indent=1))

    numbers = options.models.split(",")
    fill(results, numbers, steps, options.samples, save)
    print(f"accuracy in %, {options.samples} test samples (45 of file 47)")
    for number in numbers:
        print(f"\n{table(results, number, steps, options.samples)}")
    print(f"\n{published(steps)}")


if __name__ == "__main__":
    main()
