"""LIF: leaky integrate-and-fire with time constants in seconds and a refractory period, as nengo.LIF."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from ...errors import UsageError
from ..dynamics import Rule
from .channel_values import Number, channel_weight, plain_number
from .spiking_neuron import SpikingNeuron

__all__ = ["LIF"]


@keras.saving.register_keras_serializable(package="spikeport")
class LIF(SpikingNeuron):
    """Leaky integrate-and-fire: ``v ← max(d·v + x, 0);  s = (v ≥ θ);  v ← 0 after a spike``, d = exp(−dt/τ_rc).

    It is `nengo.LIF` with the current J = x/(θ(1 − d)), and the population that the preset "lif" makes of a ReLU.

    Parameters
    ----------
    tau_rc
        Seconds: the membrane's time constant. A number, or an initializer of its logarithm.
    tau_ref
        Seconds, rounded to whole steps: after a spike the current is lost for so long.
    learn_tau
        Train the logarithm of τ_rc for each channel.
    dt
        Seconds of a step.
    """

    def __init__(
        self,
        tau_rc: Number = 0.02,
        tau_ref: float = 0.002,
        *,
        learn_tau: bool = False,
        dt: float = 0.001,
        reset: str = "zero",
        **kwargs: Any,
    ) -> None:
        super().__init__(reset=reset, **kwargs)
        if dt <= 0 or tau_ref < 0 or (isinstance(tau_rc, int | float) and tau_rc <= 0):
            raise UsageError(f"{self.name}: expected dt and tau_rc above 0, and tau_ref from 0 on, in seconds")
        self.tau_rc_value = tau_rc
        self.tau_ref = tau_ref
        self.learn_tau = learn_tau
        self.dt = dt

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.log_tau_rc = channel_weight(
            self, "log_tau_rc", self.tau_rc_value, input_shape, self.learn_tau, of=math.log
        )
        super().build(input_shape)

    def decay(self) -> Any:
        """Return d for each channel."""
        return ops.exp(-self.dt * ops.exp(-ops.convert_to_tensor(self.log_tau_rc)))

    def rule(self) -> Rule:
        """Return the rule of a step."""
        return self.base_rule(decay=self.decay(), v_min=0.0, refractory=round(self.tau_ref / self.dt))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "tau_rc": plain_number(self.tau_rc_value),
            "tau_ref": self.tau_ref,
            "learn_tau": self.learn_tau,
            "dt": self.dt,
        }
