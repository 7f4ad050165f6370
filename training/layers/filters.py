"""Lowpass and Alpha: synaptic filters, exact for inputs that stay the same over a step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .steps_in_seconds import Seconds, seconds_of
from .temporal import TemporalLayer
from .time_axis import Step

__all__ = ["Alpha", "Lowpass"]


class _Filter(TemporalLayer):
    """What both filters share.

    Parameters
    ----------
    tau_initializer
        Seconds: the time constant of each value, as a number or an initializer.
    dt
        Seconds of a step: a number, or a `keras.Variable` that `DtScheduler` changes.
    apply_during_training
        False returns the input as it is in training.
    level_initializer
        What the filter puts out before the first step, as an initializer; trained with the layer.
    initial_level_constraint, tau_constraint
        Keras constraints; by default τ is kept above 0.
    """

    def __init__(
        self,
        tau_initializer: Any,
        *,
        dt: Seconds = 0.001,
        apply_during_training: bool = True,
        level_initializer: Any = "zeros",
        initial_level_constraint: Any = None,
        tau_constraint: Any = "non_neg",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        plain = isinstance(tau_initializer, int | float)
        self.tau_initializer = keras.initializers.get(
            keras.initializers.Constant(tau_initializer) if plain else tau_initializer
        )
        self.dt = dt
        self.apply_during_training = apply_during_training
        self.level_initializer = keras.initializers.get(level_initializer)
        self.initial_level_constraint = keras.constraints.get(initial_level_constraint)
        self.tau_constraint = keras.constraints.get(tau_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the weights: a time constant and an initial level for each value of a step."""
        shape = tuple(input_shape[2:])
        self.tau = self.add_weight(
            name="tau", shape=shape, initializer=self.tau_initializer, constraint=self.tau_constraint
        )
        self.initial_level = self.add_weight(
            name="initial_level",
            shape=shape,
            initializer=self.level_initializer,
            constraint=self.initial_level_constraint,
        )
        super().build(input_shape)

    def fresh_state(self, like: Any) -> tuple[Any, ...]:
        """Return the initial level for each array of the state."""
        level = ops.zeros_like(like) + self.initial_level
        return (level,) * self.state_size()

    def smoothing(self) -> tuple[Any, Any]:
        """Return dt/τ, and what is left of a level after a step: exp(−dt/τ)."""
        ratio = seconds_of(self.dt) / ops.maximum(self.tau, 1e-12)
        return ratio, ops.exp(-ratio)

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False) -> Any:
        """Return the filtered sequence."""
        if training and not self.apply_during_training and not self.return_state:
            return inputs if self.return_sequences else inputs[:, -1]
        return super().call(inputs, initial_state, training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "tau_initializer": keras.initializers.serialize(self.tau_initializer),
            "dt": float(seconds_of(self.dt)),
            "apply_during_training": self.apply_during_training,
            "level_initializer": keras.initializers.serialize(self.level_initializer),
            "initial_level_constraint": keras.constraints.serialize(self.initial_level_constraint),
            "tau_constraint": keras.constraints.serialize(self.tau_constraint),
        }


@keras.saving.register_keras_serializable(package="spikeport")
class Lowpass(_Filter):
    """First order, ``τ·y' = x − y``: ``y ← a·y + (1 − a)·x`` with a = exp(−dt/τ).

    The output answers to the input of the same step; `nengo.Lowpass` on a connection does one step later.
    """

    def step_function(self, training: bool) -> Step:
        """Return the step."""
        _, left = self.smoothing()
        new = 1.0 - left

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            level = state[0] * left + x * new
            return level, (level,)

        return step


@keras.saving.register_keras_serializable(package="spikeport")
class Alpha(_Filter):
    """Two first-order filters in a row, ``1/(τs + 1)²``.

    Over a step, with a = exp(−dt/τ) and w the level of the first::

        y ← x + (y − x)·a + (w − x)·a·dt/τ;   w ← a·w + (1 − a)·x
    """

    def state_size(self) -> int:
        """Return 2: the output, and the level of the first filter."""
        return 2

    def step_function(self, training: bool) -> Step:
        """Return the step."""
        ratio, left = self.smoothing()

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            level, first = state
            level = x + ((level - x) + (first - x) * ratio) * left
            return level, (level, x + (first - x) * left)

        return step
