"""Spikes forward, a smooth function backward: what makes a spiking network trainable, on every Keras backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import UsageError

__all__ = ["DERIVATIVES", "SURROGATES", "Surrogate", "events", "pseudo_gradient", "require_surrogate", "spike"]

Surrogate = Callable[[Any, float], Any]
"""A smooth function of the distance to the threshold and a slope; its derivative is the spike's."""


def _fast_sigmoid(x: Any, slope: float) -> Any:
    from keras import ops

    return x / (1.0 + slope * ops.abs(x))


def _fast_sigmoid_derivative(x: Any, slope: float) -> Any:
    from keras import ops

    return 1.0 / ops.square(1.0 + slope * ops.abs(x))


def _superspike(x: Any, slope: float) -> Any:
    return slope * _fast_sigmoid(x, slope)


def _superspike_derivative(x: Any, slope: float) -> Any:
    return slope * _fast_sigmoid_derivative(x, slope)


def _arctan(x: Any, slope: float) -> Any:
    from keras import ops

    return ops.arctan(math.pi / 2 * slope * x) / math.pi


def _arctan_derivative(x: Any, slope: float) -> Any:
    from keras import ops

    return slope / 2 / (1.0 + ops.square(math.pi / 2 * slope * x))


def _sigmoid(x: Any, slope: float) -> Any:
    from keras import ops

    return ops.sigmoid(slope * x)


def _sigmoid_derivative(x: Any, slope: float) -> Any:
    from keras import ops

    s = ops.sigmoid(slope * x)
    return slope * s * (1.0 - s)


def _triangular(x: Any, slope: float) -> Any:
    from keras import ops

    near = ops.clip(x, -1.0 / slope, 1.0 / slope)
    return slope * (near - slope * near * ops.abs(near) / 2)


def _triangular_derivative(x: Any, slope: float) -> Any:
    from keras import ops

    return slope * ops.maximum(1.0 - slope * ops.abs(x), 0.0)


def _straight_through(x: Any, slope: float) -> Any:
    return x * 1.0


def _straight_through_derivative(x: Any, slope: float) -> Any:
    from keras import ops

    return ops.ones_like(x)


SURROGATES: Mapping[str, Surrogate] = {
    "fast_sigmoid": _fast_sigmoid,  # derivative 1 / (1 + slope·|x|)²: Zenke & Ganguli 2018, "SuperSpike", eq. 5
    "superspike": _superspike,  # the same times the slope, so that its integral does not shrink as the slope grows
    "arctan": _arctan,  # derivative slope/2 / (1 + (π/2·slope·x)²): Fang et al. 2021, "Incorporating Learnable …"
    "sigmoid": _sigmoid,  # derivative slope·σ(slope·x)·(1 - σ(slope·x))
    "triangular": _triangular,  # derivative slope·max(1 - slope·|x|, 0): Bellec et al. 2018, "Long short-term memory …"
    "straight_through": _straight_through,  # derivative 1: Bengio et al. 2013, "Estimating or propagating gradients …"
}
"""The surrogates by name."""

DERIVATIVES: Mapping[str, Surrogate] = {
    "fast_sigmoid": _fast_sigmoid_derivative,
    "superspike": _superspike_derivative,
    "arctan": _arctan_derivative,
    "sigmoid": _sigmoid_derivative,
    "triangular": _triangular_derivative,
    "straight_through": _straight_through_derivative,
}
"""Their derivatives: with them, nothing of the smooth function is computed forward."""


def require_surrogate(surrogate: str | Surrogate) -> None:
    """Raise a UsageError for a name that no surrogate has."""
    if isinstance(surrogate, str) and surrogate not in SURROGATES:
        raise UsageError(f"expected a surrogate out of {', '.join(SURROGATES)}, received {surrogate!r}")


def pseudo_gradient(forward: Any, backward: Any) -> Any:
    """Return the values of one tensor with the gradient of another: ``backward + stop_gradient(forward - backward)``.

    Spikes forward and the rate curve backward, for example, which is how Nengo's users fine-tune converted networks.
    """
    from keras import ops

    return backward + ops.stop_gradient(forward - backward)


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
        A tensor of the voltage's shape and type. The gradient is that of ``surrogate(voltage - threshold, slope)``.

    Raises
    ------
    UsageError
        For an unknown surrogate.
    """
    from keras import ops

    require_surrogate(surrogate)
    distance = voltage - threshold

    def fire(x: Any) -> Any:
        return ops.cast(x >= 0, x.dtype)

    if isinstance(surrogate, str):
        return _with_derivative(fire, DERIVATIVES[surrogate], distance, slope)
    return pseudo_gradient(fire(distance), surrogate(distance, slope))


def events(
    voltage: Any,
    n_min: int,
    n_max: int,
    *,
    tie: float = 0.0,
    surrogate: str | Surrogate = "fast_sigmoid",
    slope: float = 25.0,
) -> Any:
    """Return ``clip(⌊voltage + tie⌋, n_min, n_max)`` of a voltage in thresholds, with the surrogate's gradient.

    The gradient is that of the surrogate at the nearest of the thresholds 1 … n_max and 0, −1 … n_min + 1, below which
    an event is taken back; for 0 and 1 event that is `spike`.
    """
    from keras import ops

    if (n_min, n_max) == (0, 1):
        return spike(voltage, 1.0 - tie, surrogate=surrogate, slope=slope)
    require_surrogate(surrogate)

    def floor(x: Any) -> Any:
        return ops.clip(ops.floor(x + tie), float(n_min), float(n_max))

    def distance(x: Any) -> Any:
        return x - ops.clip(ops.round(x), float(n_min + 1), float(n_max))

    if isinstance(surrogate, str):
        derivative = DERIVATIVES[surrogate]
        return _with_derivative(floor, lambda x, k: derivative(distance(x), k), voltage, slope)
    whole = ops.stop_gradient(voltage - distance(voltage))
    return pseudo_gradient(floor(voltage), surrogate(voltage - whole, slope))


def _with_derivative(forward: Callable[[Any], Any], derivative: Surrogate, x: Any, slope: float) -> Any:
    from keras import ops

    def function(x: Any) -> Any:
        def gradient(*upstream: Any, **named: Any) -> Any:  # torch names it, and hands over the arguments before it
            return derivative(x, slope) * (named["upstream"] if "upstream" in named else upstream[0])

        return forward(x), gradient

    return ops.custom_gradient(function)(ops.convert_to_tensor(x))
