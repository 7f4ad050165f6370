"""The time axis: checked where it is missing, and walked along on every Keras backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ...errors import UsageError

__all__ = ["Step", "over_time", "require_time_axis"]

Step = Callable[[Any, tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]
"""Takes the input of a step and the state, returns the output of the step and the next state."""

_ROUND = 4  # steps in a round of JAX's loop: one of Spyx's network takes 15 % longer in rounds of one step
_UNROLLED = 256  # steps up to which TensorFlow's graph holds each one: a loop in it costs three times as much


def require_time_axis(layer: Any, shape: Any, least_rank: int = 3) -> None:
    """Raise a UsageError unless a shape has a batch, a time axis and values.

    Parameters
    ----------
    layer
        Whose input it is, for the message.
    """
    if len(shape) < least_rank:
        raise UsageError(
            f"{layer.name} ({type(layer).__name__}): expected sequences (batch, steps, values …), received "
            f"{tuple(shape)}, which has no time axis; use return_sequences=True in the layer before, or "
            "RepeatOverTime(n_steps) to present samples as constant currents"
        )


def over_time(
    step: Step, inputs: Any, state: tuple[Any, ...], unroll: bool | int | None = None, *, time_major: bool = False
) -> tuple[Any, Any]:
    """Take the steps of a sequence one after the other.

    Parameters
    ----------
    inputs
        ``(batch, steps, *shape)``, or ``(steps, batch, *shape)`` with ``time_major``.
    unroll
        True for one copy of the step for each step, False for a loop, a number for so many in each round of a loop
        (JAX); None for what is fast: rounds of a few steps under JAX, copies elsewhere where the steps are few and
        known.

    Returns
    -------
    outputs, state
        In the order of the inputs' axes; and the state after the last step.
    """
    axis = 0 if time_major else 1
    n_steps = inputs.shape[axis]
    backend = keras.backend.backend()
    if unroll is None:
        few = n_steps is not None and n_steps <= _UNROLLED
        unroll = _ROUND if backend == "jax" else backend == "torch" or few
    if unroll is True and n_steps is not None:
        outputs = []
        for x in ops.unstack(inputs, n_steps, axis=axis):
            output, state = step(x, state)
            outputs.append(output)
        return ops.stack(outputs, axis=axis), state

    def turned(carry: Any, x: Any) -> tuple[Any, Any]:
        output, carry = step(x, carry)
        # TensorFlow's scan takes outputs in the structure of the carry only
        return carry, output if backend == "jax" else (output,) * len(carry)

    state, outputs = ops.scan(turned, state, ops.swapaxes(inputs, 0, axis), unroll=max(int(unroll), 1))
    return ops.swapaxes(outputs if backend == "jax" else outputs[0], 0, axis), state
