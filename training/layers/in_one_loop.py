"""InOneLoop: several layers that go through the steps together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ...errors import UsageError
from .temporal import TemporalLayer
from .time_axis import Step, require_time_axis

__all__ = ["InOneLoop"]


@keras.saving.register_keras_serializable(package="spikeport")
class InOneLoop(TemporalLayer):
    """Layers one behind the other, all of them at one step before any at the next.

    The result is that of the layers by themselves. Under JAX one loop that holds everything takes less time than one
    for each layer, since what goes from layer to layer is not written to memory for all steps; TensorFlow and torch are
    faster without, since layers without a state then take all steps at once.

    Parameters
    ----------
    layers
        Layers with a state (of this package), which give their outputs of all steps; others act on a step by itself.
    """

    def __init__(self, layers: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers = [
            keras.saving.deserialize_keras_object(layer) if isinstance(layer, dict) else layer for layer in layers
        ]
        for layer in self.layers:
            if isinstance(layer, TemporalLayer) and (
                not layer.return_sequences or layer.return_state or layer.stateful
            ):
                raise UsageError(f"{self.name}: expected {layer.name} to return sequences, and nothing else")

    def build(self, input_shape: Any) -> None:
        """Build the layers, each for the shape of the one before."""
        require_time_axis(self, input_shape)
        axes = tuple(input_shape[:2])
        batch = axes[1 if self.time_major else 0]
        shape = tuple(input_shape[2:])
        self._shapes: list[tuple[int, ...]] = []
        for layer in self.layers:
            whole = (batch, None, *shape) if isinstance(layer, TemporalLayer) else (batch, *shape)
            if not layer.built:
                layer.build(whole)
            self._shapes.append(shape)
            shape = tuple(layer.compute_output_shape(whole))[2 if isinstance(layer, TemporalLayer) else 1 :]
        self._out = shape
        super().build(input_shape)

    def state_size(self) -> int:
        """Return how many arrays all the states consist of."""
        return sum(layer.state_size() for layer in self.layers if isinstance(layer, TemporalLayer))

    def fresh_state(self, like: Any) -> tuple[Any, ...]:
        """Return the states of the layers, one behind the other."""
        state: list[Any] = []
        for layer, shape in zip(self.layers, self._shapes, strict=True):
            if isinstance(layer, TemporalLayer):
                state += layer.fresh_state(ops.zeros((ops.shape(like)[0], *shape), like.dtype))
        return tuple(state)

    def step_function(self, training: bool) -> Step:
        """Return the step: that of each layer, in order."""
        steps = [layer.step_function(training) if isinstance(layer, TemporalLayer) else None for layer in self.layers]

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            following: list[Any] = []
            for layer, own in zip(self.layers, steps, strict=True):
                if own is None:
                    x = layer(x)
                else:
                    size = len(following)
                    x, after = own(x, state[size : size + layer.state_size()])
                    following += after
            return x, tuple(following)

        return step

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the last layer's output."""
        first, second, *_ = tuple(input_shape)
        batch = second if self.time_major else first
        if not self.built:
            self.build(input_shape)
        output = (first, second, *self._out) if self.return_sequences else (batch, *self._out)
        if not self.return_state:
            return output
        sizes = [
            (batch, *shape)
            for layer, shape in zip(self.layers, self._shapes)
            if isinstance(layer, TemporalLayer)
            for _ in range(layer.state_size())
        ]
        return (output, *sizes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers}
