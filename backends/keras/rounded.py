"""Rounded: a linear op whose kernel has the few values that a chip's weights may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from ...converter.ops import Array, Op
from ...training.surrogates import pseudo_gradient
from .op_layer import OpLayer

__all__ = ["Rounded", "WeightGrid"]


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightGrid:
    """The values that a kernel may have: ``step · n`` with n from −levels to levels.

    Attributes
    ----------
    step
        Above 0, an array that broadcasts to the kernel.
    """

    step: Array
    levels: int


@keras.saving.register_keras_serializable(package="spikeport")
class Rounded(OpLayer):
    """A kernel of multiples of a grid: ``g · clip(round(kernel/g), −n, n)`` forward, the kernel's own gradient back.

    What is trained is the kernel before it is rounded (straight through: Bengio et al. 2013, "Estimating or Propagating
    Gradients Through Stochastic Neurons").

    Parameters
    ----------
    grid
        g and n; `follow` sets another g. Or what `get_config` made of it.
    """

    def __init__(
        self,
        node: str,
        op: Op | dict[str, Any],
        moving: list[bool],
        *,
        grid: WeightGrid | dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(node, op, moving, **kwargs)
        blank = WeightGrid(step=np.ones(grid["shape"]), levels=grid["levels"]) if isinstance(grid, dict) else grid
        self._first = np.asarray(blank.step, np.float32)
        self.levels = blank.levels

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.grid = self.add_weight(name="grid", shape=self._first.shape, initializer="ones", trainable=False)
        self.grid.assign(self._first)

    def follow(self, step: Array) -> None:
        """Round to multiples of another step from now on."""
        self.grid.assign(step)

    def tensor(self, array: Any) -> Any:
        """Return the tensor that stands for an array of the op; of the kernel the rounded one."""
        tensor = super().tensor(array)
        if array is None or array is not getattr(self.op, "kernel", None):
            return tensor
        grid = ops.convert_to_tensor(self.grid)
        return pseudo_gradient(grid * ops.clip(ops.round(tensor / grid), -self.levels, self.levels), tensor)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer; the grid by its shape."""
        return {**super().get_config(), "grid": {"shape": list(self._first.shape), "levels": self.levels}}
