"""One value for each channel (the last axis), from a number or an initializer; trained or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from ...errors import UsageError

__all__ = ["Number", "channel_weight", "plain_number"]

Number = Any
"""A number, or a Keras initializer for one value a channel (the last axis)."""


def channel_weight(
    layer: Any, name: str, value: Number, input_shape: Any, trainable: bool, *, of: Callable[[float], float] = float
) -> Any:
    """Make a weight with one value for each channel.

    Parameters
    ----------
    value
        A number, of which a function is stored, or an initializer of what is stored.

    Raises
    ------
    UsageError
        For an input without a fixed number of channels.
    """
    channels = input_shape[-1]
    if channels is None:
        raise UsageError(f"{layer.name}: expected a fixed number of channels, received {tuple(input_shape)}")
    plain = isinstance(value, int | float)
    initializer = keras.initializers.Constant(of(value)) if plain else keras.initializers.get(value)
    return layer.add_weight(name=name, shape=(channels,), initializer=initializer, trainable=trainable)


def plain_number(value: Number) -> Any:
    """Return a number as it is and an initializer as its config."""
    if isinstance(value, int | float | str | dict):
        return value
    return keras.initializers.serialize(keras.initializers.get(value))
