"""Error decomposition: how much of a population's error comes from where, and which knob would reduce it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..dynamics import Signal, fire
from ..ops import Array, Neurons
from .fit import Trial

__all__ = ["KNOBS", "SOURCES", "ErrorParts", "decompose"]

KNOBS = {
    "inherited": "the layers before it",
    "clipping": "higher thresholds (a higher percentile), or neurons that send more in a step",
    "quantisation": "more steps, or neurons that send more in a step",
    "leak": "neurons without a leak or a clamp",
    "reset": "neurons that reset by subtraction",
    "delay": "more steps, or a read-out that leaves out the first ones",
    "uneven arrival": "graded neurons, which take events back, or more steps",
}
"""Source of error → what reduces it."""

SOURCES = tuple(KNOBS)


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
    def largest(self) -> str:
        """Return the largest source that arises in this population itself."""
        return max((name for name in SOURCES if name != "inherited"), key=lambda name: self.parts[name])


def decompose(op: Neurons, trial: Trial) -> ErrorParts:
    """Split the error of a population on the currents that it really received.

    With m the mean current and a the activation of the model, the output is followed from a to what the neurons sent::

        inherited        max(m, 0) - a: the current itself is off
        clipping         what lies beyond n_max·θ
        quantisation     rounding to whole events: multiples of θ/T
        leak             a constant current m into these neurons with a soft reset, minus that into plain ones
        reset            … with their own reset, minus that with a soft one
        delay            a current that is m on the whole, with its own mean in each quarter, minus constant m
        uneven arrival   the real current, minus that one
    """
    n_steps = trial.n_steps
    current = trial.current.over(n_steps).astype(np.float64)
    mean = current.mean(axis=0)
    theta = op.threshold_of(mean.shape[1:])
    plain = Neurons(
        threshold=op.threshold, scale=op.scale, n_min=op.n_min, n_max=op.n_max, initial_voltage=op.initial_voltage
    )
    soft = replace(op, reset="subtract")

    def output(neurons: Neurons, values: Array, constant: bool = False) -> Array:
        events = fire(neurons, mean.shape[1:], Signal(values, constant), n_steps)
        return np.asarray(events.sum(axis=0, dtype=np.int32) * (theta / n_steps))

    rectified = np.maximum(mean, 0)
    in_range = np.minimum(rectified, op.n_max * theta)
    rounded = output(plain, mean[None], constant=True)
    leaking = output(soft, mean[None], constant=True)
    constant = output(op, mean[None], constant=True)
    growing = output(op, _quarters(current))
    real = output(op, current)
    stages = (trial.target, rectified, in_range, rounded, leaking, constant, growing, real)
    root = np.sqrt(trial.power)

    def size(error: Array) -> float:
        return float(np.sqrt(np.mean(np.square(error))) / root)

    parts = {name: size(after - before) for name, before, after in zip(SOURCES, stages, stages[1:], strict=False)}
    return ErrorParts(total=size(real - trial.target), parts=parts)


def _quarters(current: Array) -> Array:
    """Return the current with each quarter of the run replaced by that quarter's mean."""
    result = np.empty_like(current)
    for part in np.array_split(np.arange(len(current)), min(4, len(current))):
        result[part] = current[part].mean(axis=0)
    return result
