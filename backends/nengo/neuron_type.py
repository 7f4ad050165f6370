"""The neuron of spikeport as a Nengo neuron type, and the leaky ReLU as a rate."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from nengo.dists import Choice
from nengo.neurons import NeuronType, RectifiedLinear
from nengo.params import IntParam, NdarrayParam, NumberParam
from numpy.typing import ArrayLike

from ...converter.ops import TIE, Array

__all__ = ["LeakyReLU", "SignedIntegrateAndFire"]


class SignedIntegrateAndFire(NeuronType):
    """Integrate-and-fire neurons with a signed membrane, soft reset and whole-number events.

    The membrane counts in thresholds: with gain 1/(θ·dt) and amplitude θ·dt, a current z in activation units gives an
    output of nθ in the same step (see `spikeport.converter.ops.Neurons`). Unlike `nengo.SpikingRectifiedLinear` it does
    not rectify the current before it is integrated, so its mean output has no bias that stays.

    Parameters
    ----------
    amplitude
        θ·dt for each neuron, or one value for all.
    n_min, n_max
        The fewest and the most events of a step.
    """

    state: ClassVar[dict[str, Choice]] = {"voltage": Choice([0.5]), "total": Choice([0])}
    spiking = True

    amplitude = NdarrayParam("amplitude", shape=("*",))
    n_min = IntParam("n_min", high=0)
    n_max = IntParam("n_max", low=1)

    def __init__(
        self, amplitude: ArrayLike = 1.0, n_min: int = 0, n_max: int = 1, initial_state: object = None
    ) -> None:
        super().__init__(initial_state)
        self.amplitude = np.atleast_1d(np.asarray(amplitude, dtype=np.float64))
        self.n_min = n_min
        self.n_max = n_max

    def __eq__(self, other: object) -> bool:
        # nengo's optimiser joins the operators of equal neuron types into one, whose amplitude would be too short
        return self is other

    __hash__ = object.__hash__

    def rates(self, x: Array, gain: Array, bias: Array) -> Array:
        """Return the mean output for constant inputs: the ReLU, in activation units."""
        return np.asarray(np.maximum(self.current(x, gain, bias) * self.amplitude, 0))

    def step(self, dt: float, J: Array, output: Array, voltage: Array, total: Array) -> None:
        """Advance by one step: `spikeport.converter.ops.Neurons.step`, in place."""
        voltage += J * dt
        events = np.clip(np.floor(voltage + TIE), self.n_min, self.n_max)
        np.maximum(events, -total, out=events)
        voltage -= events
        total += events
        output[:] = events * (self.amplitude / dt)


class LeakyReLU(RectifiedLinear):
    """A rectified line with a slope below zero, as a rate: ``amplitude · (J if J > 0 else slope · J)``.

    Parameters
    ----------
    negative_slope
        The slope below zero; 0.3 is that of `keras.layers.LeakyReLU`.
    amplitude
        What the output is multiplied by.
    """

    negative = True

    negative_slope = NumberParam("negative_slope")

    def __init__(self, negative_slope: float = 0.3, amplitude: float = 1.0, initial_state: object = None) -> None:
        super().__init__(amplitude=amplitude, initial_state=initial_state)
        self.negative_slope = negative_slope

    def step(self, dt: float, J: Array, output: Array) -> None:
        """Rectify, with the slope below zero."""
        output[...] = self.amplitude * np.where(J > 0, J, self.negative_slope * J)
