"""Ops that move values without changing them: Reshape, Permute, Pad, Crop, Slice, Upsample, Concatenate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .base import Array, Op, Shape, one_shape
from .window import Padding

__all__ = ["Concatenate", "Crop", "Pad", "Permute", "Reshape", "Slice", "Upsample"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Op):
    """The same values, in the same order, in another shape (of one sample)."""

    shape: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        if math.prod(shape) != math.prod(self.shape):
            raise ValueError(f"Reshape expected {math.prod(self.shape)} values for {self.shape}, received {shape}")
        return self.shape

    def apply(self, *values: Array) -> Array:
        return values[0].reshape(len(values[0]), *self.shape)


@dataclass(frozen=True, eq=False, kw_only=True)
class Permute(Op):
    """The axes of a sample in another order: ``order[i]`` is the input axis that becomes axis i, from 0."""

    order: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.order))
        return tuple(shape[i] for i in self.order)

    def apply(self, *values: Array) -> Array:
        return np.ascontiguousarray(values[0].transpose(0, *(i + 1 for i in self.order)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Op):
    """Zeros before and after each axis of a sample."""

    padding: Padding

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.padding))
        return tuple(n + before + after for n, (before, after) in zip(shape, self.padding, strict=True))

    def apply(self, *values: Array) -> Array:
        return np.pad(values[0], ((0, 0), *self.padding))


@dataclass(frozen=True, eq=False, kw_only=True)
class Crop(Op):
    """Drop values at the start and end of each axis of a sample."""

    cropping: Padding

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.cropping))
        out = tuple(n - before - after for n, (before, after) in zip(shape, self.cropping, strict=True))
        if min(out) < 1:
            raise ValueError(f"Crop expected more values than it drops {self.cropping}, received {shape}")
        return out

    def apply(self, *values: Array) -> Array:
        x = values[0]
        ends = zip(self.cropping, x.shape[1:], strict=True)
        return x[(slice(None), *(slice(before, n - after) for (before, after), n in ends))]


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice(Op):
    """Some of the values along each axis of a sample: ``x[start:stop:step]``.

    Attributes
    ----------
    slices
        (start, stop, step) for each axis, as Python's own slices have them.
    """

    slices: tuple[tuple[int | None, int | None, int | None], ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.slices))
        out = tuple(len(range(*slice(*s).indices(n))) for s, n in zip(self.slices, shape, strict=True))
        if min(out) < 1:
            raise ValueError(f"Slice expected to leave values, received {shape} for {self.slices}")
        return out

    def apply(self, *values: Array) -> Array:
        return np.ascontiguousarray(values[0][(slice(None), *(slice(*s) for s in self.slices))])


@dataclass(frozen=True, eq=False, kw_only=True)
class Upsample(Op):
    """Repeat each value ``size[i]`` times along axis i of a sample."""

    size: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes, rank=len(self.size))
        return tuple(n * k for n, k in zip(shape, self.size, strict=True))

    def apply(self, *values: Array) -> Array:
        x = values[0]
        for axis, times in enumerate(self.size, start=1):
            x = x.repeat(times, axis) if times > 1 else x
        return x


@dataclass(frozen=True, eq=False, kw_only=True)
class Concatenate(Op):
    """Inputs side by side along one axis of a sample, counted from 0."""

    axis: int

    def output_shape(self, *shapes: Shape) -> Shape:
        if not shapes:
            raise ValueError("Concatenate expected at least one input, received none")
        first = shapes[0]
        for shape in shapes:
            if len(shape) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != self.axis
            ):
                raise ValueError(
                    f"Concatenate expected shapes that differ along axis {self.axis} only, received {shapes}"
                )
        return (*first[: self.axis], sum(s[self.axis] for s in shapes), *first[self.axis + 1 :])

    def apply(self, *values: Array) -> Array:
        return np.concatenate(values, axis=self.axis + 1)
