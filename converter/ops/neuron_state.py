"""How neurons go from step to step: the numbers that rule it, what they remember, and what they draw at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .base import Array

__all__ = ["NO_NOISE", "POISSON_EVENTS", "THRESHOLD_NOISE", "TIE", "Dynamics", "NeuronState", "poisson_events"]

TIE = 1e-9
"""How close below a threshold (in thresholds) counts as on it.

Backends add the same currents in different orders, so a sum that is exactly a multiple of the threshold may come out a
rounding error below it. With this margin, far above that error in float64, they all decide such a tie the same way: the
neuron fires.
"""

NO_NOISE, THRESHOLD_NOISE, POISSON_EVENTS = 0, 1, 2


class Dynamics(NamedTuple):
    """The numbers that rule a step, in thresholds and steps: plain, so that compiled code takes them.

    Attributes
    ----------
    n_min, n_max
        The fewest and the most events of a step.
    decay
        What is left of the membrane after a step, before the current of the next is added.
    v_min
        The membrane never goes below it.
    to_zero
        The membrane is 0 after an event, rather than lower by the events.
    refractory
        Steps after an event in which the neuron hears and sends nothing.
    adapting
        What adaptation takes from the current, in thresholds for each of its units.
    gain, loss
        What adaptation gains from an event, and the part of it that is lost in a step.
    noise
        `NO_NOISE`, `THRESHOLD_NOISE` or `POISSON_EVENTS`.
    """

    n_min: int
    n_max: int
    decay: float
    v_min: float
    to_zero: bool
    refractory: int
    adapting: float
    gain: float
    loss: float
    noise: int


@dataclass(eq=False, kw_only=True)
class NeuronState:
    """What neurons remember from step to step: flat arrays, float64, changed in place.

    Attributes
    ----------
    voltage
        The membrane in thresholds, v/θ.
    total
        The events sent so far, with their sign.
    refractory
        For how many steps more the neuron hears and sends nothing.
    adaptation
        How far the neuron has adapted to its own events, in the units of `nengo.AdaptiveLIF`.
    key
        Of the sample (`sample_keys`): what random neurons draw follows from it, ``(1,)`` uint64.
    step
        The steps done so far.
    """

    voltage: Array
    total: Array
    refractory: Array
    adaptation: Array
    key: Array
    step: int = 0


def poisson_events(rate: Array, drawn: Array, n_max: int) -> Array:
    """Return Poisson numbers of these means, cut at ``n_max``, from numbers drawn in [0, 1) by inversion.

    That is how many of the sums P(0), P(0) + P(1), … of the probabilities P(k) = e^(-λ) λ^k / k! are not above the
    number drawn (Devroye 1986, "Non-Uniform Random Variate Generation", X.3.3).
    """
    probability = np.exp(-rate)
    below, events = probability, np.zeros_like(rate)
    for k in range(1, n_max + 1):
        events += drawn >= below
        probability = probability * rate / k
        below = below + probability
    return events
