"""LeakyIntegrator: a membrane that does not fire, as a read-out."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .channel_values import Number, channel_weight, plain_number
from .temporal import TemporalLayer
from .time_axis import Step

__all__ = ["LeakyIntegrator"]


@keras.saving.register_keras_serializable(package="spikeport")
class LeakyIntegrator(TemporalLayer):
    """``v ← β·v + x``; the output is v.

    Parameters
    ----------
    beta
        β, what is left of the membrane after a step, from 0 to 1. A number or an initializer.
    learn_beta
        Train β for each channel; it is held between 0 and 1.
    """

    def __init__(self, beta: Number = 0.8, *, learn_beta: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta_value = beta
        self.learn_beta = learn_beta

    def build(self, input_shape: Any) -> None:
        """Make the weight."""
        super().build(input_shape)
        self.beta = channel_weight(self, "beta", self.beta_value, input_shape, self.learn_beta)

    def step_function(self, training: bool) -> Step:
        """Return the step."""
        beta = ops.clip(self.beta, 0.0, 1.0)

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            voltage = state[0] * beta + x
            return voltage, (voltage,)

        return step

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "beta": plain_number(self.beta_value), "learn_beta": self.learn_beta}
