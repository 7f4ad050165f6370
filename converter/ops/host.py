"""HostLayer: a Keras layer kept as it is, run by Keras between the spiking parts (Nengo's tensor node)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .base import Array, Op, Shape

__all__ = ["HostLayer"]


@dataclass(frozen=True, eq=False, kw_only=True)
class HostLayer(Op):
    """A layer that only Keras computes.

    Keras is imported when the layer first runs. The layer is made from plain settings that the registry has checked
    against its table of host layers; nothing named in a file is looked up anywhere else.

    Attributes
    ----------
    layer_type
        The Keras class name, one of the registry's host layers.
    config
        Keyword arguments of that class: numbers, strings and lists of them only.
    weights
        Weight name → value, in the order of ``layer.get_weights()``.
    input_shapes
        The shape of one sample of each input.
    shape
        The shape of one sample of the output.
    keras_class
        The user's own layer class, handed over alive; None for Keras's class of that name.
    """

    linear: ClassVar[bool] = False

    layer_type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Array] = field(default_factory=dict)
    input_shapes: tuple[Shape, ...]
    shape: Shape
    keras_class: type | None = None

    def output_shape(self, *shapes: Shape) -> Shape:
        if shapes != self.input_shapes:
            raise ValueError(f"{self.layer_type} expected inputs of shape {self.input_shapes}, received {shapes}")
        return self.shape

    def apply(self, *values: Array) -> Array:
        inputs = [v.astype(np.float32, copy=False) for v in values]
        result = self._keras_layer(inputs[0] if len(inputs) == 1 else inputs, training=False)
        from ..keras_import import as_array

        return as_array(result).astype(values[0].dtype)

    @cached_property
    def _keras_layer(self) -> Any:
        from ..keras_layer import build_custom_layer, build_keras_layer

        weights = list(self.weights.values())
        if self.keras_class is not None:
            return build_custom_layer(self.keras_class, self.config, weights, self.input_shapes)
        return build_keras_layer(self.layer_type, self.config, weights, self.input_shapes)
