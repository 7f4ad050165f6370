"""Dense: a matrix product over the last axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Array, Op, Shape, as_type_of, one_shape

__all__ = ["Dense"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Op):
    """``y[..., u] = Σ_i x[..., i] kernel[i, u] + bias[u]`` on an input of any rank.

    Attributes
    ----------
    kernel
        ``(inputs, units)``.
    bias
        ``(units,)``, or None.
    """

    kernel: Array
    bias: Array | None = None

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        if not shape or shape[-1] != self.kernel.shape[0]:
            raise ValueError(f"Dense expected {self.kernel.shape[0]} values along the last axis, received {shape}")
        if self.bias is not None and self.bias.shape != self.kernel.shape[1:]:
            raise ValueError(f"Dense expected a bias of {self.kernel.shape[1]} values, received {self.bias.shape}")
        return (*shape[:-1], int(self.kernel.shape[1]))

    def apply(self, *values: Array) -> Array:
        (x,) = values
        flat = x.reshape(-1, x.shape[-1])
        y = flat @ as_type_of(self.kernel, x)
        if self.bias is not None:
            y += as_type_of(self.bias, x)
        return np.asarray(y.reshape(*x.shape[:-1], y.shape[-1]))
