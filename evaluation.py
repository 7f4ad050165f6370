"""How good a network is at every step, beside the Keras model that it came from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backends.contract import OnProgress, silent
from .backends.early_exit import classes_of
from .converter.ops import Array
from .encoders import EncoderChoice
from .errors import DataError, UsageError
from .network import SpikingNetwork
from .samples import as_samples

__all__ = ["Evaluation", "evaluate", "labels_of"]

_BLOCK = 500  # samples at a time: outputs over time are kept for no more than these


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The score of a network on labelled samples.

    Attributes
    ----------
    accuracy
        The share of right answers at each step, 0…1; empty where the labels are no classes.
    keras_accuracy
        The same of the rate network, which equals the Keras model to float rounding unless weights were calibrated;
        None where there are no classes.
    mean_squared_error, keras_mean_squared_error
        The same for models whose labels have the shape of the output: regression, autoencoders.
    spikes_per_sample, synaptic_operations_per_sample
        Means over the samples, for all the steps together.
    input_events_per_sample
        The mean number of events that entered; None where no encoder makes events of the input.
    extra_steps
        Steps that each sample was run besides, before these: the first phase of a correction.
    mean_steps
        With an early exit, the mean of the step at which the samples stopped, extra steps not included; else None.
        The accuracy at each step then takes the answers of the samples that have stopped, and the last is the accuracy.
    exit_steps
        With an early exit, how many samples stopped at each step.
    seconds
        Wall time of the spiking run.
    """

    samples: int
    steps: int
    backend: str
    accuracy: tuple[float, ...] = ()
    keras_accuracy: float | None = None
    mean_squared_error: tuple[float, ...] = ()
    keras_mean_squared_error: float | None = None
    spikes_per_sample: float
    synaptic_operations_per_sample: float
    seconds: float
    input_events_per_sample: float | None = None
    extra_steps: int = 0
    mean_steps: float | None = None
    exit_steps: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON values."""
        return {
            "samples": self.samples,
            "steps": self.steps,
            "backend": self.backend,
            "accuracy": list(self.accuracy),
            "keras_accuracy": self.keras_accuracy,
            "mean_squared_error": list(self.mean_squared_error),
            "keras_mean_squared_error": self.keras_mean_squared_error,
            "spikes_per_sample": self.spikes_per_sample,
            "synaptic_operations_per_sample": self.synaptic_operations_per_sample,
            "seconds": self.seconds,
            "input_events_per_sample": self.input_events_per_sample,
            "extra_steps": self.extra_steps,
            "mean_steps": self.mean_steps,
            "exit_steps": list(self.exit_steps),
        }


def evaluate(
    net: SpikingNetwork,
    x: Any,
    y: Any,
    n_steps: int | None = None,
    *,
    backend: str = "cpu",
    encoder: EncoderChoice | None = None,
    on_progress: OnProgress = silent,
    **options: Any,
) -> Evaluation:
    """Score a network with one output at every step.

    Parameters
    ----------
    x
        Samples ``(n, *shape)``, or sequences ``(n, steps, *shape)``, whose score stands beside that of their mean.
    y
        Class numbers ``(n,)``, one-hot rows ``(n, classes)``, or targets of the output's shape.
    encoder
        What makes currents of the samples, as in `SpikingNetwork.run`.
    on_progress
        Called with the number of samples done since the last call.
    options
        The backend's own: of the cpu backend, ``correction`` and ``exit`` among them.

    Raises
    ------
    DataError
        When the labels do not fit the output.
    UsageError
        When the network has several outputs.
    """
    if len(net.graph.outputs) != 1:
        raise UsageError(f"expected a network with one output to score, received {', '.join(net.graph.outputs)}")
    samples = as_samples(net.graph, x, sequences=True)
    count = len(samples[0])
    shape = net.graph.nodes[next(iter(net.graph.outputs.values()))].shape
    labels, targets = labels_of(y, shape, count)
    steps = net.steps_for(backend, n_steps, samples)
    deployment = net.deploy(backend, **options)
    score, keras_score = np.zeros(steps), 0.0
    spikes = operations = seconds = 0.0
    input_events: float | None = None
    exits, extra_steps = np.zeros(steps + 1, np.int64), 0
    for start in range(0, count, _BLOCK):
        part = [a[start : start + _BLOCK] for a in samples]
        started = time.perf_counter()
        result = deployment.run(part, steps, encoder=encoder, first=start, on_progress=on_progress)
        seconds += time.perf_counter() - started
        over_time = next(iter(result.outputs_over_time.values()))
        given = part if len(part) > 1 else part[0]
        rates = net.run(given, steps, spiking=False).output if net.has_rates else None
        if labels is not None:
            right = labels[start : start + _BLOCK]
            score += (classes_of(over_time) == right[:, None]).sum(axis=0)
            keras_score += 0.0 if rates is None else float((classes_of(rates) == right).sum())
        else:
            wanted = targets[start : start + _BLOCK]
            axes = tuple(range(2, over_time.ndim))
            score += ((over_time - wanted[:, None]) ** 2).mean(axis=axes).sum(axis=0)
            if rates is not None:
                keras_score += float(((rates - wanted) ** 2).mean(axis=tuple(range(1, rates.ndim))).sum())
        spikes += sum(float(c.sum()) for c in result.spike_counts.values())
        if result.synaptic_operations is not None:
            operations += float(result.synaptic_operations.sum())
        if result.input_events is not None:
            input_events = (input_events or 0.0) + float(result.input_events.sum())
        extra_steps = result.extra_steps
        if result.steps_taken is not None:
            exits += np.bincount(result.steps_taken, minlength=steps + 1)
    per_step = tuple(float(s) for s in score / count)
    classes = labels is not None
    return Evaluation(
        samples=count,
        steps=steps,
        backend=backend,
        accuracy=per_step if classes else (),
        keras_accuracy=keras_score / count if classes and net.has_rates else None,
        mean_squared_error=() if classes else per_step,
        keras_mean_squared_error=None if classes or not net.has_rates else keras_score / count,
        spikes_per_sample=spikes / count,
        synaptic_operations_per_sample=operations / count,
        seconds=seconds,
        input_events_per_sample=None if input_events is None else input_events / count,
        extra_steps=extra_steps,
        mean_steps=float(exits @ np.arange(steps + 1)) / count if exits.any() else None,
        exit_steps=tuple(int(n) for n in exits[1:]) if exits.any() else (),
    )


def _numbers(y: Any) -> Array:
    """Return labels as an array of finite numbers."""
    try:
        array = np.asarray(y)
    except ValueError:
        raise DataError("expected labels as one array of numbers, received lists of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"expected labels as numbers, received y of type {array.dtype}")
    if not np.isfinite(array).all():
        raise DataError("expected labels as finite numbers, received NaN or infinity")
    return array


def labels_of(y: Any, shape: tuple[int, ...], count: int) -> tuple[Array | None, Array]:
    """Return class numbers, or None and the targets of a regression.

    Parameters
    ----------
    y
        Labels in any form that `evaluate` takes.
    shape
        Of the output, for one sample.
    count
        The number of samples.

    Raises
    ------
    DataError
        When they do not fit.
    """
    y = _numbers(y)
    if not y.ndim or len(y) != count:
        raise DataError(f"expected {count} labels, one for each sample, received y of shape {y.shape}")
    flat = y.reshape(count, -1)
    if flat.shape[1] == 1 and y.dtype.kind in "iub" and len(shape) == 1:
        highest = max(shape[0] - 1, 1)
        if y.min() >= 0 and y.max() <= highest:
            return flat[:, 0].astype(np.int64), y
        if shape[0] > 1:  # a single output may have any whole numbers as its targets
            raise DataError(f"expected class numbers from 0 to {highest}, received {y.min()} to {y.max()}")
    one_hot = len(shape) == 1 and shape[0] > 1 and y.shape[1:] == shape and bool(np.isin(y, (0, 1)).all())
    if one_hot and bool((flat.sum(axis=1) == 1).all()):
        return flat.argmax(axis=1), y
    if y.size != count * int(np.prod(shape)):
        raise DataError(f"expected class numbers or targets of shape {(count, *shape)}, received y of shape {y.shape}")
    return None, y.reshape(count, *shape).astype(np.float32)
