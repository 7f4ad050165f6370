"""Fit thresholds and initial voltages to spike trains: those whose mean output is nearest to the activation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..dynamics import Signal, mean_output
from ..ops import Array, Neurons

__all__ = [
    "Trial",
    "at_other_sizes",
    "final_error",
    "fit_threshold_and_voltage",
    "sample_places",
    "trial_errors",
    "whole_samples",
]

_FACTORS = (1.0, 1.3, 1.1, 0.92, 0.77, 0.64, 0.54, 0.45, 0.37, 0.31, 0.26)  # of the rule's threshold; 1 is tried first
_REFINEMENTS = (1.08, 0.93)  # of the threshold found
_VOLTAGES = (0.5, 0.25, 0.0)  # in thresholds; ½ rounds, 0 rounds down and waits for more
_BETTER = 0.9  # of the error so far: a candidate that is hardly better only fits the samples
_PLACES = 16384  # values of each channel that are looked at
_MANY = 100  # places of a channel that show how its activations are spread
_SIZES = (0.7, 1.4)  # at which fewer are looked at besides
_LARGER, _MUCH_LARGER = 8.0, 12.0  # and at 1 + this / √places
_WORTH_IT = 1.1  # a larger size than this
_VALUES = 2**22  # most values of a trial, over all steps


@dataclass(frozen=True, eq=False)
class Trial:
    """What a population receives and should put out, at some places of its map.

    Attributes
    ----------
    current
        ``(steps | 1, places, channels)``.
    target
        The activation of the model: ``(places, channels)``.
    n_steps
        For how many steps.
    """

    current: Signal
    target: Array
    n_steps: int

    @property
    def power(self) -> float:
        """Return the mean square of the target, 1 where it is zero."""
        return float(np.mean(np.square(self.target, dtype=np.float64))) or 1.0


def sample_places(current: Signal, target: Array, n_steps: int, rng: np.random.Generator) -> Trial:
    """Return a trial of places drawn from all samples and all places of the map.

    Parameters
    ----------
    current
        ``(steps | 1, samples, *shape)``.
    target
        ``(samples, *shape)``.
    """
    channels = target.shape[-1]
    flat = target.reshape(-1, channels)
    rows = current.values.reshape(len(current.values), -1, channels)
    count = max(1, min(len(flat), _PLACES, _VALUES // (n_steps * channels)))
    if count < len(flat):
        chosen = np.sort(rng.choice(len(flat), count, replace=False))
        flat, rows = flat[chosen], rows[:, chosen]
    return Trial(Signal(np.ascontiguousarray(rows), current.constant), np.ascontiguousarray(flat), n_steps)


def at_other_sizes(op: Neurons, trial: Trial) -> Trial:
    """Return a trial of places, ``(steps | 1, places, channels)``, with all of them larger as well; few also smaller.

    Without that, a threshold would suit the values that were seen: what comes later is cut off if it is larger. The
    largest of n values is exceeded the more, the fewer they are; of several thousand, hardly. Room above costs little
    where a step may have many events. With one a step it costs as much precision as there is room, and only where
    places are few it is worth that.
    """
    places, bursts = len(trial.target), op.n_max > 1
    few = places < _MANY
    largest = 1 + (_MUCH_LARGER if few and bursts else _LARGER) / np.sqrt(places)
    if not few and (not bursts or largest < _WORTH_IT):
        return trial
    sizes = [np.float32(size) for size in (1.0, *(_SIZES if few else ()), largest)]
    current = np.concatenate([trial.current.values * size for size in sizes], axis=1)
    target = np.concatenate([trial.target * size for size in sizes])
    return Trial(Signal(current, trial.current.constant), target, trial.n_steps)


def whole_samples(current: Signal, target: Array, n_steps: int) -> Trial:
    """Return a trial of the last samples with all their places, ``(steps | 1, samples, *shape)``, at least of one."""
    count = max(1, min(len(target), _VALUES // (n_steps * target[0].size)))
    return Trial(Signal(current.values[:, -count:], current.constant), target[-count:], n_steps)


def trial_errors(op: Neurons, trial: Trial) -> tuple[Array, Array]:
    """Return each channel's squared error and its mean error (activation minus mean output), over all places."""
    error = trial.target - _mean_output(op, trial)
    return np.mean(error**2, axis=0), np.mean(error, axis=0)


def final_error(op: Neurons, trial: Trial) -> float:
    """Return the root of the mean squared error after all the steps, as a share of the target's."""
    return float(np.sqrt(np.mean((_mean_output(op, trial) - trial.target) ** 2) / trial.power))


def _mean_output(op: Neurons, trial: Trial) -> Array:
    return mean_output(op, trial.target.shape[1:], trial.current, trial.n_steps)


def fit_threshold_and_voltage(
    op: Neurons, trial: Trial, *, thresholds: bool, voltages: bool, rate_scale: float = 1.0
) -> Neurons:
    """Return the neurons with the candidates of the least error, channel by channel.

    Parameters
    ----------
    op
        Where to start from: its thresholds are those of a rule.
    thresholds, voltages
        Which of the two to fit; the other stays as it is.
    rate_scale
        Fitted thresholds are divided by it.
    """
    base = np.broadcast_to(op.threshold, trial.target.shape[-1:]).astype(np.float64)
    best = _Best(op, trial)
    for voltage in _VOLTAGES if voltages else (None,):
        for factor in _FACTORS if thresholds else (1.0,):
            best.try_out(base * factor, voltage)
    if thresholds:
        for factor in _REFINEMENTS:
            best.try_out(best.threshold * factor, best.voltage)
        if rate_scale != 1:
            best = _Best(replace(best.op, threshold=(best.threshold / rate_scale).astype(np.float32)), trial)
            for voltage in _VOLTAGES if voltages else ():
                best.try_out(best.threshold, voltage)
    return best.op


class _Best:
    """The best candidate of each channel so far."""

    def __init__(self, op: Neurons, trial: Trial) -> None:
        channels = trial.target.shape[-1]
        self._op, self._trial = op, trial
        self.threshold = np.broadcast_to(op.threshold, (channels,)).astype(np.float64)
        self.voltage = np.broadcast_to(op.initial_voltage, (channels,)).astype(np.float64)
        self._error, _ = trial_errors(op, trial)

    @property
    def op(self) -> Neurons:
        return replace(
            self._op,
            threshold=self.threshold.astype(np.float32),
            initial_voltage=self.voltage.astype(np.float32),
        )

    def try_out(self, threshold: Array, voltage: Array | float | None) -> None:
        """Keep the candidate in the channels where it is better."""
        candidate = replace(
            self._op,
            threshold=threshold.astype(np.float32),
            initial_voltage=self._op.initial_voltage if voltage is None else np.asarray(voltage, np.float32),
        )
        error, _ = trial_errors(candidate, self._trial)
        better = error < _BETTER * self._error
        self._error = np.where(better, error, self._error)
        self.threshold = np.where(better, threshold, self.threshold)
        self.voltage = np.where(better, np.broadcast_to(candidate.initial_voltage, better.shape), self.voltage)
