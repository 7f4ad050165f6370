"""What every op is: a frozen record that knows its output shape and how to compute itself with NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Op", "Shape"]

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    """One operation of the graph, on values of shape ``(batch, *shape)`` in the units of the Keras activations.

    ``linear`` says that the op is affine in its inputs, so that it acts within a step on spikes as it does on
    activations, and its mean over time is the op of the mean.
    """

    linear: ClassVar[bool] = True

    @property
    def kind(self) -> str:
        """Return the name of the op, as reports and files write it."""
        return type(self).__name__

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of one sample of the output for the given shapes of the inputs.

        Raises
        ------
        ValueError
            With "expected …, received …" when the shapes do not fit the op.
        """
        raise NotImplementedError

    def apply(self, *values: Array) -> Array:
        """Return the output for inputs of shape ``(batch, *shape)``, in the floating type of the inputs."""
        raise NotImplementedError


def one_shape(kind: str, shapes: tuple[Shape, ...], *, rank: int | None = None) -> Shape:
    """Return the single input shape, checked to be single and of at least the given rank."""
    if len(shapes) != 1:
        raise ValueError(f"{kind} takes one input, received {len(shapes)}")
    if rank is not None and len(shapes[0]) != rank:
        raise ValueError(f"{kind} expected an input of rank {rank} without the batch axis, received {shapes[0]}")
    return shapes[0]


def require_axes(kind: str, axes: Shape, shape: Shape) -> None:
    """Raise a ValueError unless these are axes of a sample of this shape, from 0 and each once."""
    if len(set(axes)) != len(axes) or not all(0 <= a < len(shape) for a in axes):
        raise ValueError(f"{kind} expected axes {axes} to be there, received {shape}")


def as_type_of(array: Array, like: Array) -> Array:
    """Return a parameter in the floating type of the values that it meets."""
    return array if array.dtype == like.dtype else array.astype(like.dtype)


def channel_vector(array: Array) -> Array:
    """Return a parameter per channel as a flat float32 array."""
    return np.ascontiguousarray(array, dtype=np.float32).reshape(-1)
