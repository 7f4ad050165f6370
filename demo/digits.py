"""``spikeport demo``: scikit-learn's handwritten digits, a trained .h5, the CPU and the Loihi emulator."""

from __future__ import annotations

import tempfile
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..backends import backend_named
from ..conversion import convert
from ..converter.keras_import import import_keras
from ..converter.ops import Array
from ..converter.report.text import print_report
from ..errors import UsageError
from ..evaluation import evaluate
from ..network import SpikingNetwork, load
from ..progress import progress_bar
from ..run_output import print_evaluation, print_run, run_facts

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["digits_data", "digits_model", "run_demo"]

_TRAINING = 1200  # of the 1,797 images; the others test


def digits_data() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return scikit-learn's digits as ``(x_train, y_train), (x_test, y_test)``.

    Images are float32 ``(n, 8, 8, 1)`` from 0 to 1, in a fixed shuffled order; labels are int64 ``(n,)``.

    Raises
    ------
    UsageError
        When scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UsageError("the demo's images come with scikit-learn: pip install 'spikeport[demo]'") from None
    digits = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:_TRAINING], order[_TRAINING:]
    return (x[train], y[train]), (x[test], y[test])


def digits_model() -> Path:
    """Return the path of the trained model that ships with spikeport; ``examples/train_digits.py`` trained it."""
    with as_file(files(__package__) / "digits.h5") as path:
        return path


def run_demo(console: Console, *, quick: bool = False) -> None:
    """Convert the model, score it at every step, run a few images on the Loihi emulator, show the report."""
    started = time.perf_counter()
    (x_train, _), (x_test, y_test) = digits_data()
    if quick:
        x_test, y_test = x_test[:100], y_test[:100]
    model = digits_model()
    console.rule("a trained Keras file")
    console.print(
        f"{model.name}: {model.stat().st_size:,} bytes, trained on {_TRAINING:,} images of handwritten digits"
    )

    console.rule("converted, with thresholds from 256 training images")
    net = convert(model, calibration=x_train[:256], target_steps=16)
    net = _saved_and_loaded(net)
    print_report(net.report, console)

    console.rule("the spiking network on the CPU, at every step")
    with progress_bar("evaluating on cpu", len(x_test)) as advance:
        score = evaluate(net, x_test, y_test, on_progress=advance)
    print_evaluation(console, score)
    console.print(f"Keras itself, for comparison: {100 * _keras_accuracy(model, x_test, y_test):.2f} %")

    console.rule("on the Loihi emulator")
    missing = backend_named("loihi").available()
    if missing:
        console.print(f"left out: {missing}")
    else:
        _show_loihi(console, net, x_test[: 5 if quick else 20], y_test)
    console.rule()
    console.print(f"{time.perf_counter() - started:.0f} s in all. Next: spikeport convert YOUR_MODEL.h5 -o net.h5")


def _keras_accuracy(model: Path, x: Array, y: Array) -> float:
    """Return the share of right answers of Keras itself, which is imported here and nowhere else in the demo."""
    outputs = import_keras().models.load_model(model, compile=False).predict(x, verbose=0)
    return float((outputs.argmax(axis=1) == y).mean())


def _saved_and_loaded(net: SpikingNetwork) -> SpikingNetwork:
    """Send the network through a file, as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.h5"
        net.save(path)
        return load(path)


def _show_loihi(console: Console, net: SpikingNetwork, x: Array, y: Array) -> None:
    deployment = net.deploy("loihi")
    with progress_bar("running on loihi", len(x)) as advance:
        result = deployment.run([x], net.steps_for("loihi"), on_progress=advance)
    print_run(console, run_facts(result, deployment, backend="loihi", labels=y[: len(x)]))
