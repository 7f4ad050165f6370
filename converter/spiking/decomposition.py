"""Error decomposition: how much of a population's error comes from where, and which knob would reduce it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..dynamics import Signal, mean_output
from ..ops import Array, Neurons
from .fit import Trial

__all__ = ["KNOBS", "SOURCES", "ErrorParts", "decompose", "output_stages"]

KNOBS = {
    "inherited": "the layers before it",
    "clipping": "higher thresholds (a higher percentile), or neurons that send more in a step",
    "quantisation": "more steps, or neurons that send more in a step",
    "noise": "neurons whose events are not drawn at random, or more steps",
    "leak": "neurons without a leak, a clamp or a refractory period",
    "reset": "neurons that reset by subtraction",
    "delay": "more steps, or a read-out that leaves out the first ones",
    "uneven arrival": "graded neurons, which take events back, or more steps",
}
"""Source of error → what reduces it."""

SOURCES = tuple(KNOBS)
_TOLD = 0.0005  # of the activation: smaller parts are none


@dataclass(frozen=True, kw_only=True)
class ErrorParts:
    """The parts of one population's error, each as the root of its mean square over that of the activation.

    They are measured one after the other and add up to the error value by value; as roots of mean squares they do not
    add up.

    Attributes
    ----------
    total
        Mean output minus activation.
    parts
        Source → its part, for every source of `SOURCES`.
    """

    total: float
    parts: dict[str, float]

    @property
    def told(self) -> dict[str, float]:
        """Return the parts that are large enough to be told."""
        return {name: part for name, part in self.parts.items() if part >= _TOLD}

    @property
    def largest(self) -> str | None:
        """Return the largest source that arises in this population itself, None where nothing does."""
        own = {name: part for name, part in self.told.items() if name != "inherited"}
        return max(own, key=lambda name: own[name]) if own else None


def decompose(op: Neurons, trial: Trial) -> ErrorParts:
    """Split the error of a population on the currents that it really received.

    With m the mean current (what a calibrated bias adds is part of it) and a the activation of the model, the output
    is followed from a to what the neurons sent::

        inherited        max(m, 0) - a: the current itself is off
        clipping         what lies beyond n_max·θ
        quantisation     rounding to whole events: multiples of θ/T
        noise            a constant current m into neurons that draw their events at random, minus that into plain ones
        leak             … into these neurons with a soft reset: with their leak, clamp, adaptation, refractory period
        reset            … with their own reset, minus that with a soft one
        delay            a current that is m on the whole, with its own mean in each quarter, minus constant m
        uneven arrival   the real current, minus that one

    Parameters
    ----------
    trial
        Currents ``(steps | 1, samples, *shape)`` and targets ``(samples, *shape)``.
    """
    stages = output_stages(op, trial)
    root = np.sqrt(trial.power)

    def size(error: Array) -> float:
        return float(np.sqrt(np.mean(np.square(error))) / root)

    parts = {name: size(after - before) for name, (before, after) in zip(SOURCES, pairwise(stages), strict=True)}
    return ErrorParts(total=size(stages[-1] - stages[0]), parts=parts)


def output_stages(op: Neurons, trial: Trial) -> tuple[Array, ...]:
    """Return the outputs from the activation to what the neurons sent: one more than sources, ``(samples, *shape)``.

    The difference of two that follow each other is the part of the source at that place of `SOURCES`.
    """
    n_steps, shape = trial.n_steps, trial.target.shape[1:]
    theta = op.threshold_of(shape).reshape(shape)
    current = trial.current.over(n_steps)
    mean = current.mean(axis=0, dtype=np.float64)
    plain = Neurons(
        threshold=op.threshold,
        scale=op.scale,
        n_min=op.n_min,
        n_max=op.n_max,
        initial_voltage=op.initial_voltage,
        correction=op.correction,
    )
    soft = replace(op, reset="subtract")

    def output(neurons: Neurons, signal: Signal) -> Array:
        return mean_output(neurons, shape, signal, n_steps)

    rectified = np.maximum(mean + op.correction_of(shape).reshape(shape), 0)
    constant = Signal(mean[None], True)
    return (
        trial.target,
        rectified,
        np.minimum(rectified, op.n_max * theta),
        output(plain, constant),
        output(replace(plain, noise=op.noise), constant),
        output(soft, constant),
        output(op, constant),
        output(op, Signal(_quarters(current), False)),
        output(op, trial.current),
    )


def _quarters(current: Array) -> Array:
    """Return the current with each quarter of the run replaced by that quarter's mean."""
    result = np.empty(current.shape, current.dtype)
    for part in np.array_split(np.arange(len(current)), min(4, len(current))):
        result[part] = current[part].mean(axis=0, dtype=np.float64)
    return result
