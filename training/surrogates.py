"""Spikes forward, a smooth function backward: what makes a spiking network trainable, on every Keras backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import UsageError

__all__ = ["SURROGATES", "Surrogate", "spike"]

Surrogate = Callable[[Any, float], Any]
"""A smooth function of the distance to the threshold and a slope; its derivative is the spike's."""


def _fast_sigmoid(x: Any, slope: float) -> Any:
    from keras import ops

    return x / (1.0 + slope * ops.abs(x))


def _arctan(x: Any, slope: float) -> Any:
    from keras import ops

    return ops.arctan(math.pi / 2 * slope * x) / math.pi


def _sigmoid(x: Any, slope: float) -> Any:
    from keras import ops

    return ops.sigmoid(slope * x)


SURROGATES: Mapping[str, Surrogate] = {
    "fast_sigmoid": _fast_sigmoid,  # derivative 1 / (1 + slope·|x|)²: Zenke & Ganguli 2018, "SuperSpike", eq. 5
    "arctan": _arctan,  # derivative slope/2 / (1 + (π/2·slope·x)²): Fang et al. 2021, "Incorporating Learnable …"
    "sigmoid": _sigmoid,  # derivative slope·σ(slope·x)·(1 - σ(slope·x))
}
"""The surrogates by name."""


def spike(
    voltage: Any, threshold: Any = 1.0, *, surrogate: str | Surrogate = "fast_sigmoid", slope: float = 25.0
) -> Any:
    """Return 1 where the voltage has reached the threshold and 0 elsewhere, with the surrogate's gradient.

    Parameters
    ----------
    voltage
        A tensor of any shape, in the units of the threshold.
    surrogate
        A name of `SURROGATES`, or a function of your own.
    slope
        How fast the surrogate rises at the threshold.

    Returns
    -------
    spikes
        A tensor of the voltage's shape and type. The gradient is that of
        ``surrogate(voltage - threshold, slope)``, written as ``s + stop_gradient(spikes - s)``, which every Keras
        backend understands.

    Raises
    ------
    UsageError
        For an unknown surrogate.
    """
    from keras import ops

    if isinstance(surrogate, str):
        if surrogate not in SURROGATES:
            raise UsageError(f"expected a surrogate out of {', '.join(SURROGATES)}, received {surrogate!r}")
        surrogate = SURROGATES[surrogate]
    distance = voltage - threshold
    smooth = surrogate(distance, slope)
    hard = ops.cast(distance >= 0, smooth.dtype)
    return smooth + ops.stop_gradient(hard - smooth)
