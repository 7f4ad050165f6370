"""Early exit: each sample stops at the step at which the read-out is sure enough."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..converter.graph import Graph
from ..converter.ops import Array, Output
from ..errors import UsageError

__all__ = ["RULES", "Confidence", "EarlyExit", "classes_of"]

RULES = ("margin", "probability", "stable")
_TINY = float(np.finfo(np.float32).tiny)  # what a probability of zero counts as, when logarithms are taken


@dataclass(frozen=True, kw_only=True)
class EarlyExit:
    """When a sample may stop: at the first step from ``least_steps`` on whose confidence reaches the threshold.

    `calibrate_exit` chooses the threshold from data. The confidence after t steps of the read-out window is

    "margin"
        t times the lead of the best class over the second. The lead is the difference of the logarithms of the two
        probabilities for softmax and a single sigmoid, otherwise of the two values. What residual membranes leave
        wrong in a mean over t steps is O(1/t), so t times the lead says how often the lead outweighs it, and one
        threshold serves every step.
    "probability"
        The probability of the best class; values that are no probabilities are sent through a softmax.
    "stable"
        For how many steps in a row, this one included, the best class has been the same.

    Attributes
    ----------
    rule
        "margin", "probability" or "stable".
    threshold
        The confidence to reach, of at least 0.
    least_steps
        No sample stops before this step, nor inside the steps that the read-out leaves out.
    """

    rule: str = "margin"
    threshold: float
    least_steps: int = 1

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UsageError(f"expected the rule of an early exit out of {', '.join(RULES)}, received {self.rule!r}")
        if not self.threshold >= 0:
            raise UsageError(f"expected the threshold of an early exit as at least 0, received {self.threshold!r}")
        steps = self.least_steps
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
            raise UsageError(f"expected least_steps of an early exit as at least 1, received {steps!r}")


@dataclass(eq=False)
class Confidence:
    """The confidence of a network's read-out, some steps after others.

    Attributes
    ----------
    function
        The last activation of the model.
    start
        The steps that the read-out window leaves out.
    steps
        How many were done.
    """

    rule: str
    function: str
    start: int = 0
    steps: int = 0
    _class: Array | None = field(default=None, init=False)
    _same: Array | None = field(default=None, init=False)

    @classmethod
    def of(cls, graph: Graph, rule: str) -> Confidence:
        """Return the confidence of a network of classes.

        Raises
        ------
        UsageError
            When its outputs are no classes.
        """
        place = graph.nodes[next(iter(graph.outputs.values()))]
        op, shape = place.op, place.shape
        if len(graph.outputs) != 1 or not isinstance(op, Output):
            raise UsageError(f"early exit: expected a network with one output, received {', '.join(graph.outputs)}")
        if len(shape) != 1 or (shape[0] == 1 and op.function != "sigmoid"):
            raise UsageError(
                f"early exit: expected an output of classes, received one of shape {shape} after {op.function}"
            )
        return cls(rule, op.function, op.start)

    def of_more(self, outputs: Array) -> Array:
        """Return the confidence at each of the next steps.

        Parameters
        ----------
        outputs
            ``(steps, samples, classes)``.

        Returns
        -------
        confidence
            ``(steps, samples)`` float64; minus infinity in the steps that the read-out leaves out.
        """
        times = np.arange(self.steps + 1, self.steps + len(outputs) + 1)
        self.steps += len(outputs)
        if self.rule == "stable":
            confidence = self._run_lengths(classes_of(outputs))
        elif self.rule == "probability":
            confidence = _probability(outputs.astype(np.float64), self.function)
        else:
            confidence = _lead(outputs.astype(np.float64), self.function) * (times - self.start)[:, None]
        confidence[times <= self.start] = -np.inf
        return confidence

    def keep(self, places: Array) -> None:
        """Forget all samples but those at these places."""
        self._class = None if self._class is None else self._class[places]
        self._same = None if self._same is None else self._same[places]

    def _run_lengths(self, classes: Array) -> Array:
        lengths = np.empty(classes.shape)
        for row, now in zip(lengths, classes, strict=True):
            same = np.ones(len(now)) if self._same is None else np.where(now == self._class, self._same + 1, 1.0)
            row[:], self._same, self._class = same, same, now
        return lengths


def classes_of(outputs: Array) -> Array:
    """Return the class that each output row names; a single value is a probability of class 1."""
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] > 0.5).astype(np.int64)
    return np.asarray(outputs.argmax(axis=-1))


def _lead(values: Array, function: str) -> Array:
    """Return the lead of the best class over the second."""
    single = values.shape[-1] == 1
    if single:
        values = np.concatenate([1 - values, values], axis=-1)
    if single or function == "softmax":
        values = np.log(np.maximum(values, _TINY))
    best = np.partition(values, -2, axis=-1)
    return np.asarray(best[..., -1] - best[..., -2])


def _probability(values: Array, function: str) -> Array:
    """Return the probability of the best class."""
    if values.shape[-1] == 1:
        values = np.concatenate([1 - values, values], axis=-1)
    elif function == "log_softmax":
        values = np.exp(values)
    elif function not in ("softmax", "sigmoid"):
        values = np.exp(values - values.max(axis=-1, keepdims=True))
        values /= values.sum(axis=-1, keepdims=True)
    return np.asarray(values.max(axis=-1))
