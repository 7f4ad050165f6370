"""Where values enter and leave the graph: Input, Output, and the Identity that a pass takes out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .activation import Activation
from .base import Array, Op, Shape, one_shape

__all__ = ["Identity", "Input", "Output"]

_MOST_CLASSES = 1000  # more values than that are an image or a spectrum
_OF_CLASSES = ("softmax", "log_softmax", "linear")


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(Op):
    """Where samples of the given shape come in.

    Attributes
    ----------
    low, high
        The smallest and largest value of the calibration samples; None before calibration. Backends that encode inputs
        as spikes take their range from it.
    """

    shape: Shape
    low: float | None = None
    high: float | None = None

    def output_shape(self, *shapes: Shape) -> Shape:
        if shapes:
            raise ValueError(f"Input takes no inputs, received {len(shapes)}")
        return self.shape

    def apply(self, *values: Array) -> Array:
        raise TypeError("an Input has no value of its own; feed it")


@dataclass(frozen=True, eq=False, kw_only=True)
class Identity(Op):
    """A layer that does nothing at inference.

    Attributes
    ----------
    why
        What the layer is for, then: "it drops values in training only".
    """

    why: str = ""

    def output_shape(self, *shapes: Shape) -> Shape:
        return one_shape(self.kind, shapes)

    def apply(self, *values: Array) -> Array:
        return values[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Output(Op):
    """A read-out: ``f(mean over time of the input)``, f being the model's last activation.

    As an op it acts on that mean, so in the rate network it is the activation itself.

    Attributes
    ----------
    start
        Steps at the beginning that the read-out window leaves out; as long as there are no more, it is all there are.
    """

    function: str = "linear"
    arguments: Mapping[str, float | int | bool | None] = field(default_factory=dict)
    start: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start < 2**31:
            raise ValueError(f"expected a read-out that starts after 0 steps or more, received {self.start}")

    @cached_property
    def activation(self) -> Activation:
        """Return the model's last activation."""
        return Activation(function=self.function, arguments=self.arguments)

    def scores_classes(self, shape: Shape) -> bool:
        """Say whether values of this shape are scores of classes, or a single probability of one of two."""
        if len(shape) != 1 or shape[0] > _MOST_CLASSES:
            return False
        return self.function in _OF_CLASSES if shape[0] > 1 else self.function == "sigmoid"

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.activation.output_shape(*shapes)

    def apply(self, *values: Array) -> Array:
        return self.activation.apply(*values)
