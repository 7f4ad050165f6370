"""CubaLIF: a leaky membrane behind a synapse that leaks as well."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ..dynamics import advance
from .channel_values import Number, channel_weight, plain_number
from .leaky import Leaky
from .time_axis import Step

__all__ = ["CubaLIF"]


@keras.saving.register_keras_serializable(package="spikeport")
class CubaLIF(Leaky):
    """Current-based leaky integrate-and-fire: ``i ← α·i + x;  v ← β·v + i``, then as `Leaky`.

    Parameters
    ----------
    alpha
        α, what is left of the synaptic current after a step, from 0 to 1. A number or an initializer.
    learn_alpha
        Train α for each channel; it is held between 0 and 1.
    """

    def __init__(self, alpha: Number = 0.8, beta: Number = 0.9, *, learn_alpha: bool = False, **kwargs: Any) -> None:
        super().__init__(beta, **kwargs)
        self.alpha_value = alpha
        self.learn_alpha = learn_alpha

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.alpha = channel_weight(self, "alpha", self.alpha_value, input_shape, self.learn_alpha)
        super().build(input_shape)

    def state_size(self) -> int:
        """Return 2: the voltage, and the current in thresholds."""
        return 2

    def step_function(self, training: bool) -> Step:
        """Return the step."""
        rule, alpha = self.rule(), ops.clip(self.alpha, 0.0, 1.0)
        per_threshold = 1.0 / ops.convert_to_tensor(self.threshold)

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            current = state[1] * alpha + x * per_threshold
            spikes, (voltage,) = advance(rule, state[:1], current)
            return spikes, (voltage, current)

        return step

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "alpha": plain_number(self.alpha_value), "learn_alpha": self.learn_alpha}
