"""Quantised: what neurons put out on average over some steps of a constant current, without the steps."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ...converter.ops import Op
from ...errors import BackendError
from ...training.dynamics import tie_of
from ...training.surrogates import pseudo_gradient
from .population import NeuronLayer

__all__ = ["Quantised"]


@keras.saving.register_keras_serializable(package="spikeport")
class Quantised(NeuronLayer):
    """Quantise, clip and floor: ``θ/T · clip(⌊T·(z + c)/θ + v0⌋, 0, T·n_max)``.

    It is the mean output of the neurons over T steps of the current z, and with n_max = 1 and v0 = ½ the activation of
    Bu et al. 2022, "Optimal ANN-SNN Conversion for High-accuracy and Ultra-low-latency Spiking Neural Networks", with λ
    = θ and L = T. Its gradient is that of ``clip(z, 0, n_max·θ)``, by z and by θ.
    """

    def __init__(self, node: str, op: Op | dict[str, Any], moving: list[bool], *, n_steps: int, **kwargs: Any) -> None:
        super().__init__(node, op, moving, **kwargs)
        self.n_steps = n_steps

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        if not self.neurons.follows_rate:
            raise BackendError(f"{self.node}: expected neurons that lose no current, as graded and binary ones do")

    def call(self, inputs: Any) -> Any:
        """Return the mean output."""
        op, theta = self.neurons, self.threshold()
        steps, fixed = self.n_steps, ops.stop_gradient(theta)
        level = steps * (inputs + self.tensor(op.correction)) / fixed + self.tensor(op.initial_voltage)
        count = ops.clip(ops.floor(level + tie_of(self.compute_dtype)), 0, steps * op.n_max)
        output = pseudo_gradient(count * fixed / steps, ops.minimum(ops.relu(inputs), op.n_max * theta))
        self.regularised(output)
        return output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "n_steps": self.n_steps}
