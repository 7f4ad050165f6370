"""TemporalLayer: what all layers with a state share: sequences in, sequences out, and the state in between."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ...errors import UsageError
from .time_axis import Step, over_time, require_time_axis

__all__ = ["TemporalLayer"]


class TemporalLayer(keras.layers.Layer):
    """A layer that goes along the time axis step by step.

    Parameters
    ----------
    return_sequences
        False returns what is put out at the last step.
    return_state
        Return the state after the last step as well: the output, then each array of the state.
    stateful
        Go on where the last batch ended, which has to be of the same, fixed size; `reset_state` begins anew.
    time_major
        Sequences are ``(steps, batch, *shape)``, in and out, which saves the loops of JAX from turning them; between
        layers behind `SwapBatchAndTime`.
    unroll
        True for one copy of a step for each step, False for a loop, a number for so many in each round of a loop
        (JAX); None for what is fast.
    """

    def __init__(
        self,
        *,
        return_sequences: bool = True,
        return_state: bool = False,
        stateful: bool = False,
        time_major: bool = False,
        unroll: bool | int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # compile(jit_compile="auto") leaves out XLA under TensorFlow then: on a CPU that compiles for a minute
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.stateful = stateful
        self.time_major = time_major
        self.unroll = unroll
        self._memory: list[Any] = []

    def state_size(self) -> int:
        """Return how many arrays of the shape of a step's input the state consists of."""
        return 1

    def step_function(self, training: bool) -> Step:
        """Return the function of one step; what is the same for all steps is computed here."""
        raise NotImplementedError

    def fresh_state(self, like: Any) -> tuple[Any, ...]:
        """Return the state before the first step, for inputs of a step like these: ``(batch, *shape)``."""
        return (ops.zeros_like(like),) * self.state_size()

    def build(self, input_shape: Any) -> None:
        """Check the input and, for a stateful layer, make room for the state."""
        require_time_axis(self, input_shape)
        if self.stateful:
            shape = (input_shape[1 if self.time_major else 0], *input_shape[2:])
            if None in shape:
                raise UsageError(f"{self.name}: a stateful layer expects a fixed batch size, received {input_shape}")
            self._memory = [
                self.add_weight(name=f"state_{i}", shape=shape, initializer="zeros", trainable=False)
                for i in range(self.state_size())
            ]
            self.reset_state()
        self.built = True

    def reset_state(self) -> None:
        """Begin the next batch at the first step."""
        for memory, value in zip(self._memory, self.fresh_state(self._memory[0]) if self._memory else ()):
            memory.assign(ops.broadcast_to(value, memory.shape))

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False) -> Any:
        """Return the outputs of all steps."""
        require_time_axis(self, inputs.shape)
        state = self._begin(inputs, initial_state)
        step = self.step_function(bool(training))
        outputs, state = over_time(step, inputs, state, self.unroll, time_major=self.time_major)
        for memory, value in zip(self._memory, state):
            memory.assign(value)
        if not self.return_sequences:
            outputs = self._step_of(outputs, -1)
        return (outputs, *state) if self.return_state else outputs

    def _begin(self, inputs: Any, initial_state: Any) -> tuple[Any, ...]:
        if initial_state is None:
            memory = tuple(ops.convert_to_tensor(m) for m in self._memory)
            return memory or self.fresh_state(self._step_of(inputs, 0))
        state = tuple(initial_state) if isinstance(initial_state, list | tuple) else (initial_state,)
        if len(state) != self.state_size():
            raise UsageError(f"{self.name}: expected {self.state_size()} arrays as its state, received {len(state)}")
        return state

    def _step_of(self, values: Any, step: int) -> Any:
        return values[step] if self.time_major else values[:, step]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, and of the state where it is returned."""
        first, second, *rest = tuple(input_shape)
        one = (second if self.time_major else first, *rest)
        output = tuple(input_shape) if self.return_sequences else one
        return (output, *(one,) * self.state_size()) if self.return_state else output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "stateful": self.stateful,
            "time_major": self.time_major,
            "unroll": self.unroll,
        }
