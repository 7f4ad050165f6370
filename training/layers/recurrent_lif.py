"""RecurrentLIF: leaky neurons that hear each other one step later."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ..dynamics import advance
from .channel_values import Number
from .leaky import Leaky
from .time_axis import Step

__all__ = ["RecurrentLIF"]


@keras.saving.register_keras_serializable(package="spikeport")
class RecurrentLIF(Leaky):
    """`Leaky` with a weight from each neuron to each: the current is ``x(t) + s(t − 1)·W``.

    The input is ``(batch, steps, units)``: the currents, as a Dense layer before it makes them.

    Parameters
    ----------
    recurrent_initializer, recurrent_regularizer, recurrent_constraint
        Of W, ``(units, units)``.
    """

    def __init__(
        self,
        beta: Number = 0.9,
        *,
        recurrent_initializer: Any = "orthogonal",
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(beta, **kwargs)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(input_shape[-1], input_shape[-1]),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )

    def state_size(self) -> int:
        """Return 2: the voltage in thresholds, and the current that the spikes of the step before bring."""
        return 2

    def step_function(self, training: bool) -> Step:
        """Return the step."""
        rule, kernel = self.rule(), ops.convert_to_tensor(self.recurrent_kernel)
        per_threshold = 1.0 / ops.convert_to_tensor(self.threshold)

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            spikes, (voltage,) = advance(rule, state[:1], (x + state[1]) * per_threshold)
            return spikes, (voltage, ops.matmul(spikes, kernel))  # here, so that what reads spikes reads them once

        return step

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "recurrent_regularizer": keras.regularizers.serialize(self.recurrent_regularizer),
            "recurrent_constraint": keras.constraints.serialize(self.recurrent_constraint),
        }
