"""ReadOut: the model's last activation of the mean over the steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ...converter.ops import Op, Output
from .op_layer import OpLayer, merged, separated

__all__ = ["ReadOut"]


@keras.saving.register_keras_serializable(package="spikeport")
class ReadOut(OpLayer):
    """The model's last activation of the mean over the read-out window: at the last step, or at every step.

    Parameters
    ----------
    every_step
        ``(batch, steps, *shape)`` instead of ``(batch, *shape)``.
    """

    def __init__(
        self, node: str, op: Op | dict[str, Any], moving: list[bool], *, every_step: bool, **kwargs: Any
    ) -> None:
        super().__init__(node, op, moving, **kwargs)
        self.every_step = every_step

    def call(self, inputs: Any) -> Any:
        """Return the output."""
        values = inputs
        if not self.moving[0]:
            return self.apply([values])
        n_steps, start = values.shape[1], self.op.start if isinstance(self.op, Output) else 0
        if not self.every_step:
            return self.apply([ops.mean(values[:, start:] if n_steps > start else values, axis=1)])
        sums = ops.cumsum(values, axis=1)
        counts = np.arange(1, n_steps + 1)
        if 0 < start < n_steps:
            left_out = ops.concatenate(
                [ops.zeros_like(sums[:, :start]), ops.repeat(sums[:, start - 1 : start], n_steps - start, axis=1)],
                axis=1,
            )
            sums, counts = sums - left_out, np.where(counts > start, counts - start, counts)
        mean = sums / ops.cast(counts.reshape(1, -1, *(1,) * (values.ndim - 2)), values.dtype)
        return separated(self.apply([merged(mean)]), n_steps)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        batch, *rest = tuple(input_shape)
        return (batch, *rest) if self.every_step or not self.moving[0] else (batch, *rest[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "every_step": self.every_step}
