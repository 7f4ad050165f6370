"""The networks that are measured: models, samples, and a folder for each with what every program needs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import accuracy
import real_material  # from the folder that accuracy.py has added to the path
import spikeport
import spiking_graph
from rounds import say
from spikeport.converter.storage import written_at_once

Samples = tuple[np.ndarray, np.ndarray | None]


class Case(NamedTuple):
    """A network: its title, the steps to run, the loss (points) for the fewest steps and spikes, and its samples."""

    title: str
    steps: int
    loss: float
    data: Callable[[], tuple[np.ndarray, Samples]]
    """Calibration samples, and test samples with labels; without them the model's own answers count as right."""


def _tutorial_samples() -> tuple[np.ndarray, Samples]:
    (x, _), test = tutorial().mnist_data(real_material.data_file("mnist/train-images-idx3-ubyte.gz").parent)
    return x[: accuracy.CALIBRATION], test


def _enlarged_images() -> tuple[np.ndarray, Samples]:
    """CIFAR-10 at 96 × 96 instead of photographs with and without people, from 0 to 1."""

    def enlarged(part: str, count: int) -> np.ndarray:
        return real_material.cifar10(part)[0][:count].repeat(3, axis=1).repeat(3, axis=2) / np.float32(255)

    return enlarged("train_first4000", 256), (enlarged("test_1000", 1000), None)


CASES: Mapping[str, Case] = {
    "tutorial": Case("NengoDL's tutorial network on MNIST", 16, 0.1, _tutorial_samples),
    "33": Case("ResNet8 on CIFAR-10", 32, 0.5, accuracy.DATA["33"]),
    "36": Case("ResNet20 on CIFAR-10", 32, 0.5, accuracy.DATA["36"]),
    "47": Case("DS-CNN for wake words", 32, 0.5, accuracy.DATA["47"]),
    "44": Case("MobileNet 0.25 on enlarged CIFAR-10", 32, 0.5, _enlarged_images),
}
"""The tutorial's network, and model files by their number."""


class Made(NamedTuple):
    """A network ready to be measured. ``nets`` are the files of spikeport's networks and the steps to run each."""

    folder: Path
    labels: np.ndarray | None
    nets: dict[str, int]
    work: dict[str, float]
    """For one image on graded neurons: ``events`` and ``additions`` of all steps; ``neurons``."""


def make(name: str, folder: Path, images: int, steps: int | None, *, reuse: bool = False) -> Made:
    """Write a network's folder: model, samples, spikeport's networks, and the graph for the other programs.

    With ``reuse``, networks that a run before converted for the same steps are taken.

    Raises
    ------
    FileNotFoundError
        When a model or data file is missing.
    """
    case = CASES[name]
    steps = steps or case.steps
    folder.mkdir(parents=True, exist_ok=True)
    try:
        calibration, (x, labels) = case.data()
        model = _model(name, folder)
    except pytest.skip.Exception as error:  # how real_material says that a file is missing
        raise FileNotFoundError(f"{name}: {error}") from None
    np.save(folder / "samples.npy", np.ascontiguousarray(np.resize(x[:images], (images, *x.shape[1:])), np.float32))
    labels = None if labels is None else np.resize(labels[:images], images)
    facts = folder / "converted.json"
    if reuse and facts.is_file():
        found = json.loads(facts.read_text(encoding="utf-8"))
        if found["nets"]["graded"] == steps:
            return Made(folder, labels, found["nets"], found["work"])
    facts.unlink(missing_ok=True)
    say(f"{case.title}: converting for {steps} steps, and for a loss of {case.loss} points")
    nets = {
        "graded": spikeport.convert(model, calibration, target_steps=steps, target_loss=case.loss),
        "binary": spikeport.convert(model, calibration, target_steps=steps, target_loss=case.loss, neurons="binary"),
        "fewest": spikeport.convert(model, calibration, target_loss=case.loss),
    }
    for label, net in nets.items():
        net.save(folder / f"{label}.h5")
    spiking_graph.write(spiking_graph.nodes_of(nets["binary"]), folder)
    found = {"nets": {label: net.target_steps for label, net in nets.items()}, "work": _work(nets["graded"], x[:100])}
    with written_at_once(facts) as temporary:
        temporary.write_text(json.dumps(found), encoding="utf-8")
    return Made(folder, labels, found["nets"], found["work"])


def tutorial() -> object:
    """The example that defines the tutorial's network."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    import nengo_dl_tutorial

    return nengo_dl_tutorial


def _model(name: str, folder: Path) -> Path:
    """The path of the Keras model in the folder: trained there once, or a link to the file."""
    if name != "tutorial":
        source = real_material.model_path(name)
        target = folder / f"model{source.suffix}"
        target.unlink(missing_ok=True)
        try:
            target.symlink_to(source.resolve())
        except OSError:  # where links are not allowed
            shutil.copyfile(source, target)
        return target
    target = folder / "model.keras"
    if not target.is_file():
        say("training the tutorial's network, once")
        example = tutorial()
        (x, y), _ = example.mnist_data(real_material.data_file("mnist/train-images-idx3-ubyte.gz").parent)
        part = folder / "part.keras"
        example.trained_network(x, y, 2, 0).save(part)
        part.replace(target)
    return target


def _work(net: spikeport.SpikingNetwork, x: np.ndarray) -> dict[str, float]:
    result = net.run(np.asarray(x, np.float32))
    neurons = sum(int(np.prod(n.shape)) for n in net.graph.nodes.values() if n.op.kind == "Neurons")
    events = sum(float(counts.sum()) for counts in result.spike_counts.values())
    return {"events": events / len(x), "additions": float(result.synaptic_operations.mean()), "neurons": neurons}
