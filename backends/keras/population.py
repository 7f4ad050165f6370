"""Population: neurons of the graph as a Keras layer, with the events of `Neurons.step` and a gradient."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from ...converter.ops import Array, Neurons, Op
from ...errors import BackendError
from ...training.dynamics import Rule, advance, tie_of
from ...training.layers.time_axis import over_time
from ...training.surrogates import Surrogate, events, pseudo_gradient, require_surrogate
from .op_layer import OpLayer, repeated
from .over_steps import OverSteps

_STEPS_A_SECOND = 1000.0

__all__ = ["RATE", "NeuronLayer", "Population"]

RATE = "rate"
"""The gradient of the ReLU of the mean current, cut where the neuron sends all that it can in each step."""


class NeuronLayer(OpLayer):
    """Neurons of the graph, with the logarithm of a factor of each threshold as what is trained.

    Attributes
    ----------
    rate_regularizer
        A function of the rates in Hz, ``(batch, *shape)``, that is added to the loss, summed over the neurons and
        averaged over these; None for none. It is not saved.
    """

    rate_regularizer: Any = None

    @property
    def neurons(self) -> Neurons:
        """Return the op.

        Raises
        ------
        BackendError
            For another op, or neurons that draw random numbers.
        """
        if not isinstance(self.op, Neurons) or self.op.random:
            raise BackendError(
                f"{self.node}: expected neurons that draw no random numbers; use backend='cpu' for these"
            )
        return self.op

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.log_factor = self.add_weight(
            name="log_threshold_factor", shape=self.neurons.threshold.shape, initializer="zeros"
        )

    def trains(self, name: str) -> bool:
        """Say whether an array is trained: none is."""
        return False

    def array_now(self, array: Array) -> Array:
        """Return what became of an array of the op."""
        now = super().array_now(array)
        if array is self.neurons.threshold:
            return np.asarray(now * np.exp(ops.convert_to_numpy(self.log_factor)), array.dtype)
        return now

    def threshold(self) -> Any:
        """Return θ."""
        return self.tensor(self.neurons.threshold) * ops.exp(ops.convert_to_tensor(self.log_factor))

    def regularised(self, mean: Any) -> None:
        """Add to the loss what the regulariser makes of the mean output ``(batch, *shape)``."""
        if self.rate_regularizer is not None:
            rates = mean / self.threshold() * _STEPS_A_SECOND
            batch = ops.cast(ops.shape(rates)[0], rates.dtype)
            self.add_loss(self.rate_regularizer(rates) / batch / math.prod(mean.shape[1:]))


@keras.saving.register_keras_serializable(package="spikeport")
class Population(OverSteps, NeuronLayer):
    """Neurons: currents ``(batch, steps, *shape)``, or constant ones, become nθ at each step.

    Parameters
    ----------
    n_steps
        How many steps there are.
    gradient
        "rate", or a surrogate for gradients through time.
    slope
        Of the surrogate; the distance to a threshold is measured in thresholds.
    """

    def __init__(
        self,
        node: str,
        op: Op | dict[str, Any],
        moving: list[bool],
        *,
        n_steps: int,
        gradient: str | Surrogate = RATE,
        slope: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(node, op, moving, **kwargs)
        if gradient != RATE:
            require_surrogate(gradient)
        self.n_steps = n_steps
        self.gradient = gradient
        self.slope = slope

    def rule(self) -> Rule:
        """Return the rule of a step."""
        op, dynamics = self.neurons, self.neurons.dynamics
        fire = partial(
            events,
            n_min=op.n_min,
            n_max=op.n_max,
            tie=tie_of(self.compute_dtype),
            surrogate="straight_through" if self.gradient == RATE else self.gradient,
            slope=self.slope,
        )
        adapts = op.tau_n is not None
        return Rule(
            fire=fire,
            decay=None if op.tau_rc is None else dynamics.decay,
            v_min=op.v_min,
            to_zero=dynamics.to_zero,
            takes_back=op.n_min < 0,
            refractory=dynamics.refractory,
            adapting=dynamics.adapting,
            gain=dynamics.gain if adapts else None,
            loss=dynamics.loss,
        )

    def call(self, inputs: Any) -> Any:
        """Return nθ at each step."""
        op, rule, current = self.neurons, self.rule(), inputs
        threshold = self.threshold()
        correction, start = self.tensor(op.correction), self.tensor(op.initial_voltage)
        shape = current[:, 0] if self.moving[0] else current
        state = (ops.zeros_like(shape) + start, *(ops.zeros_like(shape),) * (rule.state_size - 1))
        moving = current if self.moving[0] else repeated(current, self.n_steps)
        if self.gradient != RATE:
            sent, _ = over_time(lambda z, s: advance(rule, s, (z + correction) / threshold), moving, state)
            self.regularised(ops.mean(sent * threshold, axis=1))
            return sent * threshold
        whole, by = ops.stop_gradient(moving), ops.stop_gradient(threshold)
        sent, _ = over_time(lambda z, s: advance(rule, s, (z + correction) / by), whole, state)
        mean = ops.mean(current, axis=1, keepdims=True) if self.moving[0] else current[:, None]
        rate = ops.minimum(ops.relu(mean), op.n_max * threshold)
        output = pseudo_gradient(sent * by, repeated(rate[:, 0], self.n_steps))
        self.regularised(ops.mean(output, axis=1))
        return output
