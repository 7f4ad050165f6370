"""Leaky: integrate and fire with a decay for each step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ..dynamics import Rule
from .channel_values import Number, channel_weight, plain_number
from .spiking_neuron import SpikingNeuron

__all__ = ["Leaky"]


@keras.saving.register_keras_serializable(package="spikeport")
class Leaky(SpikingNeuron):
    """Leaky integrate-and-fire: ``v ← β·v + x;  s = (v ≥ θ);  v ← v − s·θ``.

    The reset acts within the step, before the next decay: a population of `Neurons` with this β gives the same spikes.

    Parameters
    ----------
    beta
        β, what is left of the membrane after a step, from 0 to 1; 1 is no leak. A number or an initializer.
    learn_beta
        Train β for each channel; it is held between 0 and 1.
    """

    def __init__(self, beta: Number = 0.9, *, learn_beta: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta_value = beta
        self.learn_beta = learn_beta

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.beta = channel_weight(self, "beta", self.beta_value, input_shape, self.learn_beta)
        super().build(input_shape)

    def rule(self) -> Rule:
        """Return the rule of a step."""
        return self.base_rule(decay=ops.clip(self.beta, 0.0, 1.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "beta": plain_number(self.beta_value), "learn_beta": self.learn_beta}
