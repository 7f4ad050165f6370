"""Case: one Keras layer in one configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import layers

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A layer with the shape of one sample of each of its inputs.

    Attributes
    ----------
    whole
        Whether the inputs are whole numbers; such a layer stands before the first neurons, not among them.
    files
        The kinds of files that Keras can write of it.
    """

    id: str
    make: Callable[[], Any]
    shapes: tuple[Shape, ...]
    whole: bool = False
    files: tuple[str, ...] = (".h5", ".keras")

    @property
    def layer_type(self) -> str:
        return type(self.make()).__name__

    @property
    def live(self) -> bool:
        """Say whether the live model is right: TensorFlow 2.21 gets some channels-first convolutions wrong on a CPU."""
        return "Conv" not in self.layer_type or self.make().data_format != "channels_first"

    @property
    def sources(self) -> tuple[str, ...]:
        return ("live", *self.files) if self.live else self.files

    def reference(self) -> Any:
        """The layer, or one that computes what it should."""
        return self.make() if self.live else channels_last_twin(self.make())


def channels_last_twin(layer: Any) -> Callable[[Any], Any]:
    """The same convolution with the channels last, between transpositions; its activation acts after the second."""
    arguments = {**layer.get_config(), "data_format": "channels_last", "activation": "linear"}
    twin = type(layer).from_config(arguments)
    axes = tuple(range(1, layer.rank + 1))

    def apply(x: Any) -> Any:
        inside = twin(layers.Permute((*(a + 1 for a in axes), 1))(x))
        return layers.Activation(layer.activation)(layers.Permute((layer.rank + 1, *axes))(inside))

    return apply


def case(name: str, make: Callable[[], Any], *shapes: Shape, **options: Any) -> Case:
    return Case(name, make, shapes, **options)
