"""Activity regularisers with a target or a target range: for the firing rates of a layer, as its activity_regularizer.

Keras divides what an activity regulariser returns by the batch size, so what is returned here is a sum over the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..errors import UsageError

__all__ = ["L1", "L1L2", "L2", "Percentile", "SynapticOperationBudget"]

Target = float | Sequence[float]
"""A value, or the (lowest, highest) values between which nothing is lost."""


def _distance(values: Any, target: Target) -> Any:
    """Return how far values are from a target, or outside a range of targets."""
    if isinstance(target, int | float):
        return ops.abs(values - target)
    low, high = target
    return ops.maximum(low - values, 0.0) + ops.maximum(values - high, 0.0)


def _checked(target: Target) -> Target:
    if isinstance(target, int | float):
        return float(target)
    bounds = tuple(float(value) for value in target)
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise UsageError(f"expected a target as a number or as (lowest, highest), received {target!r}")
    return bounds


@keras.saving.register_keras_serializable(package="spikeport")
class L1L2(keras.regularizers.Regularizer):
    """``l1·Σ d + l2·Σ d²``; d is the distance of a value to the target or target range.

    Parameters
    ----------
    target
        A value, or (lowest, highest); in the units of the layer's output, Hz for spikes of the height 1/dt.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, target: Target = 0.0) -> None:
        self.l1 = float(l1)
        self.l2 = float(l2)
        self.target = _checked(target)

    def __call__(self, x: Any) -> Any:
        """Return the loss of activities ``(batch, …)``."""
        return self._of(_distance(x, self.target))

    def _of(self, distance: Any) -> Any:
        return self.l1 * ops.sum(distance) + self.l2 * ops.sum(ops.square(distance))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"l1": self.l1, "l2": self.l2, "target": self.target}


@keras.saving.register_keras_serializable(package="spikeport")
class L1(L1L2):
    """`L1L2` with l1 only."""

    def __init__(self, l1: float = 0.01, target: Target = 0.0) -> None:
        super().__init__(l1=l1, target=target)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"l1": self.l1, "target": self.target}


@keras.saving.register_keras_serializable(package="spikeport")
class L2(L1L2):
    """`L1L2` with l2 only."""

    def __init__(self, l2: float = 0.01, target: Target = 0.0) -> None:
        super().__init__(l2=l2, target=target)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"l2": self.l2, "target": self.target}


@keras.saving.register_keras_serializable(package="spikeport")
class Percentile(L1L2):
    """`L1L2` of a percentile of the activities: the 99th kept between 100 and 200 Hz, for example.

    Parameters
    ----------
    percentile
        From 0 to 100, linear between the values on either side.
    axis
        What it is taken over, the batch (0) by default; ``(0, 1)`` is batch and steps, None is everything.
    """

    def __init__(
        self,
        percentile: float = 100.0,
        axis: int | Sequence[int] | None = 0,
        target: Target = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        super().__init__(l1=l1, l2=l2, target=target)
        if not 0 <= percentile <= 100:
            raise UsageError(f"expected a percentile from 0 to 100, received {percentile}")
        self.percentile = float(percentile)
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)

    def __call__(self, x: Any) -> Any:
        """Return the loss of activities ``(batch, …)``."""
        loss = self._of(_distance(percentile_of(x, self.percentile, self.axis), self.target))
        return loss * ops.cast(ops.shape(x)[0], loss.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "percentile": self.percentile, "axis": self.axis}


@keras.saving.register_keras_serializable(package="spikeport")
class SynapticOperationBudget(keras.regularizers.Regularizer):
    """``weight·max(operations/budget − 1, 0)²`` for each sample: operations are spikes times fan-out.

    Parameters
    ----------
    fan_out
        How many synapses an event of the layer passes: a number, or an array for one step ``(*shape)``.
    budget
        The operations of a sample that cost nothing.
    """

    def __init__(self, fan_out: Any, budget: float, weight: float = 1.0) -> None:
        if budget <= 0:
            raise UsageError(f"expected a budget of operations above 0, received {budget}")
        self.fan_out = fan_out
        self.budget = float(budget)
        self.weight = float(weight)

    def __call__(self, x: Any) -> Any:
        """Return the loss of spikes ``(batch, steps, …)``."""
        operations = ops.sum(ops.abs(x) * ops.cast(self.fan_out, x.dtype), axis=tuple(range(1, x.ndim)))
        return self.weight * ops.sum(ops.square(ops.maximum(operations / self.budget - 1.0, 0.0)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        fan_out = self.fan_out if isinstance(self.fan_out, int | float) else ops.convert_to_numpy(self.fan_out).tolist()
        return {"fan_out": fan_out, "budget": self.budget, "weight": self.weight}


def percentile_of(x: Any, percentile: float, axis: int | tuple[int, ...] | None = None) -> Any:
    """Return a percentile over some axes, through which gradients go to the values on either side of it."""
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(a % x.ndim for a in axes)
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    flat = ops.reshape(ops.transpose(x, (*rest, *axes)), (*(ops.shape(x)[a] for a in rest), -1))
    # counted from the nearer end, since a few of the largest are found sooner than all are sorted
    sign, share = (1.0, 1 - percentile / 100) if percentile >= 50 else (-1.0, percentile / 100)
    count = ops.shape(flat)[-1]  # TensorFlow's is a tensor where the batch is open
    fixed = isinstance(count, int)
    place = (count - 1) * share if fixed else ops.cast(count - 1, x.dtype) * share
    near = math.floor(place) if fixed else ops.cast(ops.floor(place), "int32")
    far = math.ceil(place) if fixed else ops.cast(ops.ceil(place), "int32")
    largest, _ = ops.top_k(sign * flat, far + 1)
    first = ops.take(largest, near, axis=-1)
    weight = place - (near if fixed else ops.cast(near, x.dtype))
    return sign * (first + (ops.take(largest, far, axis=-1) - first) * weight)
