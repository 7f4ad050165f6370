"""Other layers along the time axis: samples presented at each step, and a layer that acts at each step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ...errors import UsageError
from .time_axis import require_time_axis

__all__ = ["EachStep", "RepeatOverTime", "SwapBatchAndTime"]


@keras.saving.register_keras_serializable(package="spikeport")
class RepeatOverTime(keras.layers.Layer):
    """Present samples as constant currents: ``(batch, *shape)`` becomes ``(batch, n_steps, *shape)``.

    Behind the layers before the first neurons, so that these are computed once, not at each step.

    Parameters
    ----------
    time_major
        Put the steps first, ``(n_steps, batch, *shape)``, for layers with time_major=True.
    """

    def __init__(self, n_steps: int, *, time_major: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if n_steps < 1:
            raise UsageError(f"{self.name}: expected at least 1 step, received {n_steps}")
        self.n_steps = n_steps
        self.time_major = time_major

    def call(self, inputs: Any) -> Any:
        """Return the samples at each step."""
        shape = ops.shape(inputs)
        if self.time_major:
            return ops.broadcast_to(inputs[None], (self.n_steps, *shape))
        return ops.broadcast_to(inputs[:, None], (shape[0], self.n_steps, *shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape with the time axis."""
        batch, *shape = tuple(input_shape)
        return (self.n_steps, batch, *shape) if self.time_major else (batch, self.n_steps, *shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "n_steps": self.n_steps, "time_major": self.time_major}


@keras.saving.register_keras_serializable(package="spikeport")
class EachStep(keras.layers.Wrapper):
    """Apply a layer at each step, to all steps in one call: TimeDistributed without a loop.

    Batch and steps become one axis, so that the layer sees one large batch. A layer whose output depends on the whole
    batch (BatchNormalization in training) sees all the steps.
    """

    def build(self, input_shape: Any) -> None:
        """Build the layer inside for one step."""
        require_time_axis(self, input_shape)
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the layer's output at each step."""
        shape = ops.shape(inputs)
        merged = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        options = {"training": training} if getattr(self.layer, "_call_has_training_arg", False) else {}
        output = self.layer(merged, **options)
        return ops.reshape(output, (shape[0], shape[1], *output.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the layer's output, with the time axis."""
        batch, steps, *rest = tuple(input_shape)
        out = self.layer.compute_output_shape((batch, *rest))
        return (batch, steps, *out[1:])


@keras.saving.register_keras_serializable(package="spikeport")
class SwapBatchAndTime(keras.layers.Layer):
    """Turn ``(batch, steps, *shape)`` into ``(steps, batch, *shape)``, for layers with time_major=True, or back."""

    def build(self, input_shape: Any) -> None:
        """Check the input."""
        require_time_axis(self, input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the sequences with the axes swapped."""
        return ops.swapaxes(inputs, 0, 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape with the axes swapped."""
        first, second, *rest = tuple(input_shape)
        return (second, first, *rest)
