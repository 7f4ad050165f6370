"""Neurons: the signed integrate-and-fire population that stands for a ReLU."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, one_shape
from .neuron_state import NO_NOISE, POISSON_EVENTS, THRESHOLD_NOISE, TIE, Dynamics, NeuronState, poisson_events
from .random_numbers import uniform

__all__ = ["Neurons"]

_STEP = 0.001  # seconds of a step, where a time constant is in seconds
_NOISE = {"": NO_NOISE, "threshold": THRESHOLD_NOISE, "poisson": POISSON_EVENTS}


@dataclass(frozen=True, eq=False, kw_only=True)
class Neurons(Op):
    """Integrate-and-fire neurons with a signed membrane, one for each value.

    With θ the threshold, z(t) the current into the neuron and c the correction, in the units of the Keras activation::

        v(0) = v0·θ;   v ← v + z(t) + c;   n = clip(⌊v/θ⌋, n_min, n_max);   v ← v − nθ;   output s(t) = nθ

    A negative event is sent only while the running sum of the events stays at or above zero. The mean output over T
    steps differs from the mean of max(z, 0) by the residual membrane voltage, which is O(θ/T) (soft reset: Han et al.
    2020, "RMP-SNN"; v0 = ½: Bu et al. 2022, "Optimized Potential Initialization").

    As a rate, the population is the ReLU itself: that is what `apply` computes, without the correction.

    The fields below n_max make variants of this, and may be combined. A step is 1 ms where they count in seconds.

    Attributes
    ----------
    threshold
        θ for each channel (the last axis), in activation units; > 0.
    scale
        The activation that each channel reaches on the calibration data, from which θ came; backends with a neuron of
        their own choose their threshold from it.
    initial_voltage
        v0, in thresholds: one number or an array that broadcasts to the shape of a sample; kept as a float32 array.
    correction
        c, in activation units, which broadcasts to the shape of a sample: a constant current that calibration may add
        to take back an error of few steps.
    n_min, n_max
        The fewest and the most events of a step: 0 and 1 are binary spikes.
    reset
        "subtract", or "zero": v ← 0 after an event, so that what was beyond the threshold is lost.
    v_min
        In thresholds: v ← max(v, v_min·θ) before the neuron fires; None leaves the membrane free.
    tau_rc
        Seconds: the membrane leaks, v ← d·v + z(t) + c with d = exp(−1 ms/tau_rc). This is the exact solution of
        `nengo.LIF`'s equation over a step, for its current J = z/(θ(1 − d)). None is no leak.
    tau_ref
        Seconds, rounded to whole steps: for so long after an event the current is lost and nothing is sent.
    tau_n, inc_n
        Adaptation as in `nengo.AdaptiveLIF`: a, which each event raises by inc_n/tau_n and which decays with the time
        constant tau_n (seconds), is subtracted from J. None is no adaptation.
    noise
        "threshold": n = ⌊v/θ + u⌋ with u drawn anew from [0, 1) by each neuron in each step, so that the expected n is
        v/θ. "poisson": n is Poisson with the mean max(v/θ, 0). The reset takes back what was sent too much, so the
        error still is O(θ/T) in the mean.
    """

    linear: ClassVar[bool] = False

    threshold: Array
    scale: Array
    initial_voltage: Array | float = 0.5
    correction: Array = field(default_factory=lambda: np.zeros(1, np.float32))
    n_min: int = 0
    n_max: int = 1
    reset: str = "subtract"
    v_min: float | None = None
    tau_rc: float | None = None
    tau_ref: float = 0.0
    tau_n: float | None = None
    inc_n: float = 0.0
    noise: str = ""

    def __post_init__(self) -> None:
        if not (np.all(np.isfinite(self.threshold)) and np.all(self.threshold > 0)):
            raise ValueError("expected thresholds above 0, received " + str(np.min(self.threshold)))
        for name in ("initial_voltage", "correction"):
            object.__setattr__(self, name, np.atleast_1d(np.asarray(getattr(self, name), np.float32)))
        if not np.all(np.abs(self.initial_voltage) <= 1e6):
            raise ValueError(f"expected an initial voltage of some thresholds, received {self.initial_voltage}")
        if not np.all(np.isfinite(self.correction)):
            raise ValueError("expected a correction of finite currents, received some that are not")
        if not -128 <= self.n_min <= 0 < self.n_max <= 127:  # events are kept as int8
            raise ValueError(f"expected n_min <= 0 < n_max within int8, received {self.n_min} and {self.n_max}")
        self._check_variant()

    def _check_variant(self) -> None:
        if self.reset not in ("subtract", "zero"):
            raise ValueError(f"expected reset to be 'subtract' or 'zero', received {self.reset!r}")
        if self.noise not in _NOISE:
            raise ValueError(f"expected noise to be '', 'threshold' or 'poisson', received {self.noise!r}")
        if self.v_min is not None and not -1e6 <= self.v_min <= 0:
            raise ValueError(f"expected v_min of some thresholds, not above 0, received {self.v_min}")
        for name in ("tau_rc", "tau_n"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"expected {name} in seconds, above 0, received {value}")
        if not (0 <= self.tau_ref <= 1e6 and 0 <= self.inc_n <= 1e6):
            raise ValueError(f"expected tau_ref and inc_n of at least 0, received {self.tau_ref} and {self.inc_n}")

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        if self.threshold.size not in (1, shape[-1] if shape else 1):
            raise ValueError(f"Neurons expected {self.threshold.size} channels along the last axis, received {shape}")
        for name, value in (("an initial voltage", self.initial_voltage), ("a correction", self.correction)):
            if not _broadcasts(np.shape(value), shape):
                raise ValueError(f"Neurons expected {name} that fits {shape}, received one of {np.shape(value)}")
        return shape

    def apply(self, *values: Array) -> Array:
        return np.maximum(values[0], 0)

    def threshold_of(self, shape: Shape) -> Array:
        """Return θ in float64 for each of the neurons of a population of this shape, flattened."""
        return _each(self.threshold, shape)

    def voltage_of(self, shape: Shape) -> Array:
        """Return v0 in thresholds, float64, for each of the neurons of a population of this shape, flattened."""
        return _each(self.initial_voltage, shape)

    def correction_of(self, shape: Shape) -> Array:
        """Return c in activation units, float64, for each of the neurons of a population of this shape, flattened."""
        return _each(self.correction, shape)

    @property
    def plain(self) -> bool:
        """Say whether the neurons are no variant: a signed membrane, reset by subtraction, and nothing else."""
        return self.follows_rate and not self.random

    @property
    def follows_rate(self) -> bool:
        """Say whether the mean output goes to the ReLU of the mean current as the steps grow, since no current is lost.

        It holds for constant currents between 0 and n_max·θ.
        """
        lossless = self.reset == "subtract" and self.v_min is None
        return lossless and self.tau_rc is None and self.tau_n is None and not self.dynamics.refractory

    @property
    def random(self) -> bool:
        """Say whether the neurons draw random numbers."""
        return self.noise != ""

    @property
    def dynamics(self) -> Dynamics:
        """Return the numbers that rule a step."""
        decay = 1.0 if self.tau_rc is None else math.exp(-_STEP / self.tau_rc)
        adapts = self.tau_n is not None
        return Dynamics(
            n_min=self.n_min,
            n_max=self.n_max,
            decay=decay,
            v_min=-math.inf if self.v_min is None else float(self.v_min),
            to_zero=self.reset == "zero",
            refractory=round(self.tau_ref / _STEP),
            adapting=0.0 if not adapts else 1.0 if self.tau_rc is None else 1.0 - decay,
            gain=0.0 if self.tau_n is None else self.inc_n / self.tau_n,
            loss=0.0 if self.tau_n is None else min(_STEP / self.tau_n, 1.0),
            noise=_NOISE[self.noise],
        )

    def start(self, shape: Shape, key: Array | None = None) -> NeuronState:
        """Return the state before the first step of a population of this shape, for a sample with this key."""
        voltage = self.voltage_of(shape)
        return NeuronState(
            voltage=voltage,
            total=np.zeros_like(voltage),
            refractory=np.zeros_like(voltage),
            adaptation=np.zeros_like(voltage),
            key=np.zeros(1, np.uint64) if key is None else key,
        )

    def step(self, state: NeuronState, current: Array) -> Array:
        """Advance the population by one step: the definition that every backend follows.

        Parameters
        ----------
        state
            Changed in place.
        current
            (z(t) + c)/θ for each neuron, float64.

        Returns
        -------
        events
            n, whole numbers in float64.
        """
        rule, voltage = self.dynamics, state.voltage
        awake = state.refractory <= 0
        moved = voltage * rule.decay + (current - rule.adapting * state.adaptation)
        voltage[:] = np.maximum(np.where(awake, moved, voltage), rule.v_min)
        if rule.noise == NO_NOISE:
            events = np.floor(voltage + TIE)
        else:
            drawn = uniform(state.key, state.step, len(voltage))
            poisson = rule.noise == POISSON_EVENTS
            events = (
                poisson_events(np.maximum(voltage, 0), drawn, rule.n_max)
                if poisson
                else np.floor(voltage + drawn + TIE)
            )
        events = np.maximum(np.clip(events, rule.n_min, rule.n_max), -state.total)
        events = np.where(awake, events, 0.0)
        voltage[:] = np.where(events != 0, 0.0, voltage) if rule.to_zero else voltage - events
        state.total += events
        state.refractory[:] = np.where(events > 0, rule.refractory, np.maximum(state.refractory - 1, 0))
        state.adaptation += rule.gain * events - rule.loss * state.adaptation
        state.step += 1
        return np.asarray(events)


def _each(value: Array | float, shape: Shape) -> Array:
    """Return a value for each place of a sample, flattened: a copy in float64."""
    wide = np.asarray(value, np.float64)
    return np.full(shape, wide.item()).reshape(-1) if wide.size == 1 else np.broadcast_to(wide, shape).flatten()


def _broadcasts(small: Shape, shape: Shape) -> bool:
    """Say whether an array of the first shape stands for one number or broadcasts to the second."""
    if math.prod(small) == 1:
        return True
    return len(small) <= len(shape) and all(a in (1, b) for a, b in zip(small[::-1], shape[::-1], strict=False))
