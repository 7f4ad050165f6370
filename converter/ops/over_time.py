"""OverTime: an op at each place of the sample's first axis, as TimeDistributed has it."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Array, Op, Shape, one_shape

__all__ = ["OverTime"]


@dataclass(frozen=True, eq=False, kw_only=True)
class OverTime(Op):
    """Apply an op to each slice ``x[t]`` of the sample.

    The sample's own time axis is data like any other: it is not the time in which neurons fire.
    """

    op: Op

    @property
    def linear(self) -> bool:  # type: ignore[override]  # as the op inside
        """Say whether the op inside is linear."""
        return self.op.linear

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        if len(shape) < 2:
            raise ValueError(f"OverTime expected an input with a time axis, received {shape}")
        return (shape[0], *self.op.output_shape(shape[1:]))

    def apply(self, *values: Array) -> Array:
        (x,) = values
        y = self.op.apply(x.reshape(-1, *x.shape[2:]))
        return y.reshape(len(x), x.shape[1], *y.shape[1:])
