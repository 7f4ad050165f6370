"""OverSteps: what the layers share that send events at each step."""

from __future__ import annotations

from typing import Any

import keras

from ...training.surrogates import Surrogate
from .op_layer import OpLayer

__all__ = ["OverSteps"]


class OverSteps(OpLayer):
    """An op with an output at each step, whatever its input: its shape and its arguments.

    Attributes
    ----------
    n_steps
        How many steps there are.
    gradient, slope
        The name of a gradient or a surrogate, and how steep it is.
    """

    n_steps: int
    gradient: str | Surrogate
    slope: float

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape) if self.moving[0] else (input_shape[0], self.n_steps, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "n_steps": self.n_steps,
            "gradient": _gradient_to(self.gradient),
            "slope": self.slope,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return the layer of these arguments."""
        return cls(**{**config, "gradient": _gradient_from(config["gradient"])})


def _gradient_to(gradient: str | Surrogate) -> Any:
    """Return a surrogate as a config holds it."""
    return gradient if isinstance(gradient, str) else keras.saving.serialize_keras_object(gradient)


def _gradient_from(value: Any) -> Any:
    """Return the surrogate that `_gradient_to` made a value of."""
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
