"""SpikingActivation: any activation of Keras as spikes whose rate is the activation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ...errors import UsageError
from ..dynamics import tie_of
from ..surrogates import pseudo_gradient
from .steps_in_seconds import Seconds, seconds_of
from .time_axis import require_time_axis

__all__ = ["SpikingActivation"]


@keras.saving.register_keras_serializable(package="spikeport")
class SpikingActivation(keras.layers.Layer):
    """Integrate an activation and send its whole part: ``v ← v + f(x)·dt;  n = ⌊v⌋;  v ← v − n;  output n/dt``.

    The activation is a firing rate in Hz. The sum of the events up to a step is ``⌊v(0) + Σ f(x)·dt⌋``, negative ones
    included, so there is no loop over the steps.

    Parameters
    ----------
    activation
        A name or function, as for ``keras.layers.Activation``.
    dt
        Seconds of a step: a number, or a `keras.Variable` that `DtScheduler` changes.
    initial_state
        v(0) from 0 to 1, a number or an array ``(*shape)``; None draws it anew for each sample and value.
    spiking_aware_training
        Spikes forward and the activation's gradient backward in training; False trains without spikes.
    return_sequences, return_state
        As for the other layers here; the state is the voltage after the last step.
    seed
        Of what is drawn.
    """

    def __init__(
        self,
        activation: Any,
        *,
        dt: Seconds = 0.001,
        initial_state: Any = None,
        spiking_aware_training: bool = True,
        return_sequences: bool = True,
        return_state: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(dt, int | float) and dt <= 0:
            raise UsageError(f"{self.name}: expected dt in seconds, above 0, received {dt}")
        self.activation = keras.activations.get(activation)
        self.dt = dt
        self.initial_state = initial_state
        self.spiking_aware_training = spiking_aware_training
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """Check the input."""
        require_time_axis(self, input_shape)
        self.built = True

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False) -> Any:
        """Return the spikes of all steps, each 1/dt high."""
        rates = self.activation(inputs)
        dt = ops.cast(seconds_of(self.dt), rates.dtype)
        start = self._start(rates[:, :1], self.initial_state if initial_state is None else initial_state)
        level = start + ops.cumsum(rates * dt, axis=1)
        sent = ops.floor(level + tie_of(self.compute_dtype))
        before = ops.concatenate([ops.zeros_like(sent[:, :1]), sent[:, :-1]], axis=1)
        outputs = (
            rates if training and not self.spiking_aware_training else pseudo_gradient((sent - before) / dt, rates)
        )
        if not self.return_sequences:
            outputs = outputs[:, -1]
        return (outputs, ops.stop_gradient(level[:, -1] - sent[:, -1])) if self.return_state else outputs

    def _start(self, first: Any, value: Any) -> Any:
        if value is None:
            return keras.random.uniform(ops.shape(first), dtype=first.dtype, seed=self.seed_generator)
        value = ops.cast(value, first.dtype)
        return ops.zeros_like(first) + (value if value.ndim == 0 or value.ndim < first.ndim - 1 else value[:, None])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, and of the state where it is returned."""
        batch, *rest = tuple(input_shape)
        output = (batch, *rest) if self.return_sequences else (batch, *rest[1:])
        return (output, (batch, *rest[1:])) if self.return_state else output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        state = self.initial_state
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "dt": float(seconds_of(self.dt)),
            "initial_state": state
            if state is None or isinstance(state, int | float)
            else ops.convert_to_numpy(state).tolist(),
            "spiking_aware_training": self.spiking_aware_training,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "seed": self.seed,
        }
