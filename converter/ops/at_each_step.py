"""AtEachStep: an op that is not linear, applied to the values of each step as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Array, Op, Shape

__all__ = ["AtEachStep"]


@dataclass(frozen=True, eq=False, kw_only=True)
class AtEachStep(Op):
    """Apply an op within the step, as a network that was trained on spikes does.

    In other networks such an op acts on running means (`as_rate_domain`).
    """

    linear: ClassVar[bool] = False

    op: Op

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.op.output_shape(*shapes)

    def apply(self, *values: Array) -> Array:
        return self.op.apply(*values)
