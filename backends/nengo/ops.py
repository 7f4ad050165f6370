"""Ops of NengoDL's front: what only a nengo.Network holds. They appear in no file and on no other backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from nengo.neurons import NeuronType

from ...converter.ops import Array, Op, Shape
from ...converter.ops.base import one_shape

__all__ = ["CustomObject", "HostFunction", "NengoNeurons"]


@dataclass(frozen=True, eq=False, kw_only=True)
class NengoNeurons(Op):
    """A population of any of Nengo's neuron types, one neuron for each value.

    Attributes
    ----------
    neuron_type
        The type as the Ensemble gets it.
    gain
        What the current is multiplied by; the neuron's amplitude undoes it, where it has one.
    """

    linear: ClassVar[bool] = False

    neuron_type: NeuronType
    gain: float = 1.0

    def output_shape(self, *shapes: Shape) -> Shape:
        return one_shape(self.kind, shapes)

    def apply(self, *values: Array) -> Array:
        (x,) = values
        size = math.prod(x.shape[1:])
        rates = self.neuron_type.rates(x.reshape(len(x), size), np.full(size, self.gain), np.zeros(size))
        return np.asarray(rates.reshape(x.shape))


@dataclass(frozen=True, eq=False, kw_only=True)
class HostFunction(Op):
    """A function of whole batches, in a tensor node: a live Keras layer, or an activation of the user's own.

    Attributes
    ----------
    function
        Takes float32 arrays ``(batch, *shape)``, returns an array or tensor.
    shape
        The shape of one sample of the output; None for that of the input.
    """

    linear: ClassVar[bool] = False

    function: Callable[..., Any]
    shape: Shape | None = None

    def output_shape(self, *shapes: Shape) -> Shape:
        return shapes[0] if self.shape is None else self.shape

    def apply(self, *values: Array) -> Array:
        result = self.function(*(v.astype(np.float32, copy=False) for v in values))
        return np.asarray(result).astype(values[0].dtype)


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomObject(Op):
    """Whatever a user's own LayerConverter makes of a layer.

    Attributes
    ----------
    make
        Takes the nengo objects of the inputs, returns the one that stands for the layer. Called inside the network.
    shape
        The shape of one sample of the output.
    """

    linear: ClassVar[bool] = False

    make: Callable[[Sequence[Any]], Any]
    shape: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.shape
