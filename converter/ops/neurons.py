"""Neurons: the signed integrate-and-fire population that stands for a ReLU."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, one_shape

__all__ = ["TIE", "NeuronState", "Neurons"]

TIE = 1e-9
"""How close below a threshold (in thresholds) counts as on it.

Backends add the same currents in different orders, so a sum that is exactly a multiple of the threshold may come out a
rounding error below it. With this margin, far above that error in float64, they all decide such a tie the same way: the
neuron fires.
"""


@dataclass(eq=False, kw_only=True)
class NeuronState:
    """What neurons remember from step to step: flat arrays, float64, changed in place.

    Attributes
    ----------
    voltage
        The membrane in thresholds, v/θ.
    total
        The events sent so far, with their sign.
    """

    voltage: Array
    total: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Neurons(Op):
    """Integrate-and-fire neurons with a signed membrane, one for each value.

    With θ the threshold, z(t) the current into the neuron and c the correction, in the units of the Keras activation::

        v(0) = v0·θ;   v ← v + z(t) + c;   n = clip(⌊v/θ⌋, n_min, n_max);   v ← v − nθ;   output s(t) = nθ

    A negative event is sent only while the running sum of the events stays at or above zero. The mean output over T
    steps differs from the mean of max(z, 0) by the residual membrane voltage, which is O(θ/T) (soft reset: Han et al.
    2020, "RMP-SNN"; v0 = ½: Bu et al. 2022, "Optimized Potential Initialization").

    As a rate, the population is the ReLU itself: that is what `apply` computes, without the correction.

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
    """

    linear: ClassVar[bool] = False

    threshold: Array
    scale: Array
    initial_voltage: Array | float = 0.5
    correction: Array = field(default_factory=lambda: np.zeros(1, np.float32))
    n_min: int = 0
    n_max: int = 1

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

    def start(self, shape: Shape) -> NeuronState:
        """Return the state before the first step of a population of this shape."""
        voltage = self.voltage_of(shape)
        return NeuronState(voltage=voltage, total=np.zeros_like(voltage))

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
        state.voltage += current
        events = np.clip(np.floor(state.voltage + TIE), self.n_min, self.n_max)
        events = np.maximum(events, -state.total)
        state.voltage -= events
        state.total += events
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
