"""SpikingNeuron: what all neuron layers share: a threshold, a reset, a surrogate, and one value a channel for each."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import ops

from ...errors import UsageError
from ..dynamics import Rule, advance, tie_of
from ..surrogates import Surrogate, events, require_surrogate
from .channel_values import Number, channel_weight, plain_number
from .temporal import TemporalLayer
from .time_axis import Step

__all__ = ["SpikingNeuron"]

_RESETS = ("subtract", "zero")


class SpikingNeuron(TemporalLayer):
    """Spikes of 0 or 1 from currents: a sequence ``(batch, steps, *shape)`` in and out, one neuron for each value.

    Parameters
    ----------
    threshold
        θ, in the units of the current: a number or an initializer.
    learn_threshold
        Train the threshold of each channel.
    initial_voltage
        v(0), in thresholds.
    reset
        "subtract": v ← v − θ after a spike; "zero": v ← 0.
    detach_reset
        Gradients do not pass the reset (Zenke & Vogels 2021, "The Remarkable Robustness of Surrogate Gradient
        Learning"); False lets them.
    surrogate, slope
        As for `spike`; the distance to the threshold is measured in thresholds.
    """

    def __init__(
        self,
        *,
        threshold: Number = 1.0,
        learn_threshold: bool = False,
        initial_voltage: float = 0.0,
        reset: str = "subtract",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "fast_sigmoid",
        slope: float = 25.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if reset not in _RESETS:
            raise UsageError(f"{self.name}: expected reset out of {', '.join(_RESETS)}, received {reset!r}")
        require_surrogate(surrogate)
        self.threshold_value = threshold
        self.learn_threshold = learn_threshold
        self.initial_voltage = initial_voltage
        self.reset = reset
        self.detach_reset = detach_reset
        self.surrogate = surrogate
        self.slope = slope

    def build(self, input_shape: Any) -> None:
        """Make the weights: one value for each channel."""
        super().build(input_shape)
        self.threshold = channel_weight(self, "threshold", self.threshold_value, input_shape, self.learn_threshold)

    def rule(self) -> Rule:
        """Return the rule of a step."""
        return self.base_rule()

    def base_rule(self, **more: Any) -> Rule:
        """Return the rule of a step that the arguments of this class give, and more."""
        tie = tie_of(self.compute_dtype)
        fire = partial(events, n_min=0, n_max=1, tie=tie, surrogate=self.surrogate, slope=self.slope)
        return Rule(fire=fire, to_zero=self.reset == "zero", detach_reset=self.detach_reset, **more)

    def state_size(self) -> int:
        """Return how many arrays the state consists of; the voltage in thresholds is the first."""
        return self.rule().state_size if self.built else 1

    def fresh_state(self, like: Any) -> tuple[Any, ...]:
        """Return the initial voltage, and zeros."""
        zeros = ops.zeros_like(like)
        return (zeros + self.initial_voltage, *(zeros,) * (self.state_size() - 1))

    def step_function(self, training: bool) -> Step:
        """Return the step: currents in thresholds, then the rule."""
        rule, per_threshold = self.rule(), 1.0 / ops.convert_to_tensor(self.threshold)
        return lambda x, state: advance(rule, state, x * per_threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        surrogate = self.surrogate
        return {
            **super().get_config(),
            "threshold": plain_number(self.threshold_value),
            "learn_threshold": self.learn_threshold,
            "initial_voltage": self.initial_voltage,
            "reset": self.reset,
            "detach_reset": self.detach_reset,
            "surrogate": surrogate if isinstance(surrogate, str) else keras.saving.serialize_keras_object(surrogate),
            "slope": self.slope,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return the layer of these arguments."""
        config = dict(config)
        if isinstance(config.get("surrogate"), dict):
            config["surrogate"] = keras.saving.deserialize_keras_object(config["surrogate"])
        return cls(**config)
