"""The variants of spikeport's neuron as a Nengo neuron type: it calls their definition."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from nengo.dists import Choice
from nengo.neurons import NeuronType

from ...converter.ops import Array, Neurons, NeuronState

__all__ = ["VariantNeurons"]


class VariantNeurons(NeuronType):
    """Neurons of any kind that `spikeport.converter.ops.Neurons` defines.

    The current counts in thresholds per step, as for `SignedIntegrateAndFire`: gain 1/(θ·dt) and amplitude θ·dt.

    Parameters
    ----------
    op
        The definition.
    amplitude
        θ·dt for each neuron.

    Attributes
    ----------
    key
        Of the sample that runs, ``(1,)`` uint64: set before each, it says what random neurons draw.
    """

    state: ClassVar[dict[str, Choice]] = {
        "voltage": Choice([0.5]),
        "total": Choice([0]),
        "refractory": Choice([0]),
        "adaptation": Choice([0]),
        "elapsed": Choice([0]),
    }
    spiking = True

    def __init__(self, op: Neurons, amplitude: Array, initial_state: object = None) -> None:
        super().__init__(initial_state)
        self.op = op
        self.amplitude = amplitude
        self.key = np.zeros(1, np.uint64)

    def __eq__(self, other: object) -> bool:
        # nengo's optimiser joins the operators of equal neuron types into one, whose amplitude would be too short
        return self is other

    __hash__ = object.__hash__

    def rates(self, x: Array, gain: Array, bias: Array) -> Array:
        """Return the ReLU of constant inputs, in activation units."""
        return np.asarray(np.maximum(self.current(x, gain, bias) * self.amplitude, 0))

    def step(
        self,
        dt: float,
        J: Array,
        output: Array,
        voltage: Array,
        total: Array,
        refractory: Array,
        adaptation: Array,
        elapsed: Array,
    ) -> None:
        """Advance by one step, in place."""
        state = NeuronState(
            voltage=voltage,
            total=total,
            refractory=refractory,
            adaptation=adaptation,
            key=self.key,
            step=int(elapsed[0]),
        )
        output[:] = self.op.step(state, J * dt) * (self.amplitude / dt)
        elapsed += 1
