"""Neurons: the signed integrate-and-fire population that stands for a ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, one_shape

__all__ = ["TIE", "Neurons"]

TIE = 1e-9
"""How close below a threshold (in thresholds) counts as on it.

Backends add the same currents in different orders, so a sum that is exactly a multiple of the threshold may come out a
rounding error below it. With this margin, far above that error in float64, they all decide such a tie the same way: the
neuron fires.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Neurons(Op):
    """Integrate-and-fire neurons with a signed membrane, one for each value.

    With θ the threshold and z(t) the current into the neuron, in the units of the Keras activation::

        v(0) = v0·θ;   v ← v + z(t);   n = clip(⌊v/θ⌋, n_min, n_max);   v ← v − nθ;   output s(t) = nθ

    A negative event is sent only while the running sum of the events stays at or above zero. The mean output over T
    steps differs from the mean of max(z, 0) by the residual membrane voltage, which is O(θ/T) (soft reset: Han et al.
    2020, "RMP-SNN"; v0 = ½: Bu et al. 2022, "Optimized Potential Initialization").

    As a rate, the population is the ReLU itself: that is what `apply` computes.

    Attributes
    ----------
    threshold
        θ for each channel (the last axis), in activation units; > 0.
    scale
        The activation that each channel reaches on the calibration data, from which θ came; backends with a neuron of
        their own choose their threshold from it.
    initial_voltage
        v0, in thresholds.
    n_min, n_max
        The fewest and the most events of a step: 0 and 1 are binary spikes.
    """

    linear: ClassVar[bool] = False

    threshold: Array
    scale: Array
    initial_voltage: float = 0.5
    n_min: int = 0
    n_max: int = 1

    def __post_init__(self) -> None:
        if not (np.all(np.isfinite(self.threshold)) and np.all(self.threshold > 0)):
            raise ValueError("expected thresholds above 0, received " + str(np.min(self.threshold)))
        if not abs(self.initial_voltage) <= 1e6:
            raise ValueError(f"expected an initial voltage of some thresholds, received {self.initial_voltage}")
        if not -128 <= self.n_min <= 0 < self.n_max <= 127:  # events are kept as int8
            raise ValueError(f"expected n_min <= 0 < n_max within int8, received {self.n_min} and {self.n_max}")

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        if self.threshold.size not in (1, shape[-1] if shape else 1):
            raise ValueError(f"Neurons expected {self.threshold.size} channels along the last axis, received {shape}")
        return shape

    def apply(self, *values: Array) -> Array:
        return np.maximum(values[0], 0)

    def threshold_of(self, shape: Shape) -> Array:
        """Return θ in float64 for each of the neurons of a population of this shape, flattened."""
        return np.broadcast_to(self.threshold.astype(np.float64), shape).reshape(-1)

    def step(self, voltage: Array, total: Array, current: Array) -> Array:
        """Advance the population by one step: the definition that every backend follows.

        Parameters
        ----------
        voltage
            The membrane in thresholds, v/θ; changed in place.
        total
            The events sent so far, with their sign; changed in place.
        current
            z(t)/θ.

        Returns
        -------
        events
            n, whole numbers in the type of the voltage.
        """
        voltage += current
        events = np.clip(np.floor(voltage + TIE), self.n_min, self.n_max)
        events = np.maximum(events, -total)
        voltage -= events
        total += events
        return np.asarray(events)
