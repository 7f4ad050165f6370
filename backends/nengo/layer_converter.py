"""LayerConverter: how a user says which nengo objects a layer type of their own becomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import nengo
import numpy as np

from ...converter.ops import Array, Shape
from .build import connect, population
from .ops import NengoNeurons
from .tensor_node import InstantStep

if TYPE_CHECKING:
    from .converter import Converter

__all__ = ["LayerConverter", "Place", "registered_for"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Place:
    """Where one use of a layer stands in the network.

    Attributes
    ----------
    objects
        The nengo objects of its inputs.
    inputs, output
        Shapes of one sample.
    activate
        Returns the op that an activation becomes, None for a linear one.
    synapse
        What goes on connections from neurons.
    """

    name: str
    objects: tuple[Any, ...]
    inputs: tuple[Shape, ...]
    output: Shape
    activate: Callable[[Any], Any]
    synapse: Any


class LayerConverter:
    """Base class for converters of your own, registered with `Converter.register`.

    Override `convert`; it is called once for each use of the layer, inside the network that is being built. A use is
    named by its ``node_id``: 0 for the first.

    Attributes
    ----------
    unsupported_args
        Names of layer attributes that have to be None, or ``(name, value)`` for one that has to have that value.
    unsupported_training_args
        The same for what matters in training only; ``inference_only=True`` lifts it.
    has_weights
        Whether a second use of the layer needs ``split_shared_weights=True``.
    allow_fallback
        Whether a layer that cannot be converted may become a tensor node.

    Parameters
    ----------
    layer
        The Keras layer.
    converter
        The `Converter` that is at work.
    """

    unsupported_args: ClassVar[list[Any]] = []
    unsupported_training_args: ClassVar[list[Any]] = []
    has_weights: ClassVar[bool] = False
    allow_fallback: ClassVar[bool] = True

    def __init__(self, layer: Any, converter: Converter) -> None:
        self.layer = layer
        self.converter = converter
        self.places: dict[int, Place] = {}

    @classmethod
    def convertible(cls, layer: Any, converter: Converter) -> tuple[bool, str]:
        """Say whether a layer can be converted, and if not, why."""
        restricted = [(arg, "") for arg in cls.unsupported_args]
        if not converter.inference_only:
            restricted += [(arg, " (unless inference_only=True)") for arg in cls.unsupported_training_args]
        for arg, unless in restricted:
            name, expected = arg if isinstance(arg, tuple) else (arg, None)
            value = getattr(layer, name)
            if value != expected:
                return False, f"{layer.name}.{name} has value {value} != {expected}, which is not supported{unless}"
        return True, ""

    def convert(self, node_id: int) -> Any:
        """Return the nengo Node or Neurons that stands for the layer's output."""
        raise NotImplementedError("Subclasses must implement convert")

    def add_nengo_obj(self, node_id: int, biases: Array | None = None, activation: Any = None) -> Any:
        """Return a new object of the size of the layer's output.

        Parameters
        ----------
        biases
            One for each value; added to what comes in.
        activation
            A Keras activation: neurons where a neuron type stands for it, else a tensor node; None for a plain Node.
        """
        place = self.places[node_id]
        size = math.prod(place.output)
        bias = np.zeros(size) if biases is None else np.asarray(biases, np.float64).reshape(-1)
        op = place.activate(activation)
        if isinstance(op, NengoNeurons):
            gain = np.full(size, float(op.gain))
            return population(op.neuron_type, gain, gain * bias, place.name)
        step = None if op is None else InstantStep(op, [place.output])
        node = nengo.Node(step, size_in=size, size_out=None if step is None else size, label=place.name)
        if bias.any():
            nengo.Connection(nengo.Node(bias, label=f"{place.name} bias"), node, synapse=None)
        return node

    def add_connection(
        self, node_id: int, obj: Any, input_idx: int = 0, trainable: bool = False, **arguments: Any
    ) -> nengo.Connection:
        """Connect an input of the layer to an object, with the converter's synapse where the input is neurons.

        ``trainable`` is accepted for NengoDL's sake; nothing in a nengo.Network is trained.
        """
        return connect(self.places[node_id].objects[input_idx], obj, self.places[node_id].synapse, **arguments)

    def get_input_obj(self, node_id: int, tensor_idx: int = 0) -> Any:
        """Return the nengo object of an input."""
        return self.places[node_id].objects[tensor_idx]

    def input_shape(self, node_id: int, full_shape: bool = False) -> Any:
        """Return the shape of the input; with ``full_shape`` the batch axis too; a list where there are several."""
        shapes = [_with_batch(shape, full_shape) for shape in self.places[node_id].inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    def output_shape(self, node_id: int, full_shape: bool = False) -> Any:
        """Return the shape of the output; with ``full_shape`` the batch axis too."""
        return _with_batch(self.places[node_id].output, full_shape)

    def set_trainable(self, obj: Any, trainable: bool) -> None:
        """Accept NengoDL's call; nothing in a nengo.Network is trained."""


def _with_batch(shape: Shape, full: bool) -> Any:
    return (None, *shape) if full else shape


def registered_for(layer: Any, converters: Mapping[type, type[LayerConverter]]) -> type[LayerConverter] | None:
    """Return the converter of a layer's class, or of the nearest class above it whose ``call`` it shares."""
    for cls in type(layer).__mro__:
        if cls in converters and getattr(cls, "call", None) is getattr(type(layer), "call", None):
            return converters[cls]
    return None
