"""What becomes of a population's weights in whole numbers, told before anything is built.

The rules are those of nengo-loihi 1.1.0 (``builder/discretize.py``): a core has one scale, from its largest weight; a
connection to it has an exponent of its own, and 127 levels each side of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor, log2, log10
from typing import NamedTuple

import numpy as np

from ...converter.ops import Array
from .fan_in import Box
from .limits import NUMBER_FORMATS
from .routes import ConvRoute, DenseRoute, Route
from .scaling import Scaled, ScaledPopulation

__all__ = ["LEVELS", "Quantised", "quantise", "weight_steps", "why_not_in_numbers"]

_LIMITS = {limit.name: limit.value for limit in NUMBER_FORMATS}
LEVELS = _LIMITS["weight levels"]
"""How many weights there are each side of zero."""
_FULL = 255.0  # a core's largest weight before it is rounded to even numbers
_EXPONENTS = range(0, -8, -1)
_LEAST_EXPONENT = -6
_BASE = 2.0**6  # weights are added to membranes in units of this, times two to the exponent
_LEAST_THRESHOLD = 33.0  # rounded to multiples of 64, anything below is zero


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """A population in whole numbers.

    Attributes
    ----------
    signal_to_noise
        Of its weights beside their rounding errors, in dB.
    lost_bits
        By how many bits at most the weights of a connection to a core are rounded beyond their 8.
    """

    signal_to_noise: float
    lost_bits: int


def why_not_in_numbers(scaled: Mapping[str, Scaled]) -> dict[str, str]:
    """Return population → why the chip's registers do not hold its thresholds beside its weights and biases."""
    found = {}
    for name, population in scaled.items():
        if isinstance(population, ScaledPopulation):
            reason = next((why for box in _boxes(population) if (why := _misfit(population, box))), None)
            if reason is not None:
                found[name] = reason
    return found


def quantise(scaled: ScaledPopulation) -> Quantised:
    """Return how well a population's weights are kept."""
    signal = noise = 0.0
    lost = 0
    for box in _boxes(scaled):
        largest, exponent = _largest(scaled, box), _exponent(scaled, box)
        if exponent is not None and largest:
            lost = max(lost, _lost(exponent, largest, _clock(scaled, box)))
    for each in _connections(scaled):
        lost = max(lost, each.beyond)
        rounded = each.step * _levels(each.weights / each.step, each.beyond)
        signal += float((each.weights**2).sum())
        noise += float(((each.weights - rounded) ** 2).sum())
    return Quantised(signal_to_noise=10 * log10(signal / noise) if signal and noise else float("inf"), lost_bits=lost)


def weight_steps(scaled: ScaledPopulation) -> Array:
    """Return, for each channel, how far apart its weights lie at least on the chip: ``(channels,)``, in thresholds.

    The coarsest of all its connections and cores; 0 for a channel without weights.
    """
    steps = np.zeros(scaled.population.shape[2])
    for each in _connections(scaled):
        channels = slice(*each.box[2])
        steps[channels] = np.maximum(steps[channels], each.step * 2.0**each.beyond)
    return steps


class _Connection(NamedTuple):
    """The weights from one source into one block, how far apart two levels are, and the bits lost beyond the 8."""

    box: Box
    weights: Array
    step: float
    beyond: int


def _connections(scaled: ScaledPopulation) -> Iterator[_Connection]:
    for box in _boxes(scaled):
        largest, exponent = _largest(scaled, box), _exponent(scaled, box)
        if exponent is None or not largest:
            continue
        for route in scaled.routes.values():
            weights = _into(route, box, scaled.population.shape)
            own = float(np.abs(weights).max(initial=0.0))
            if own:
                step = 2 * largest / _FULL * 2.0 ** (_kept(exponent, largest, own) - exponent)
                yield _Connection(box, weights, step, _lost(exponent, largest, own))


def _kept(exponent: int, largest: float, own: float) -> int:
    """Return the exponent of a connection whose largest weight is ``own``."""
    return max(exponent - floor(log2(largest / own)), _LEAST_EXPONENT)


def _lost(exponent: int, largest: float, own: float) -> int:
    """Return by how many bits the weights of such a connection are rounded beyond their 8."""
    return max(-(1 + _kept(exponent, largest, own)), 0) if own else 0


def _levels(weights: Array, beyond: int) -> Array:
    levels = np.round(weights).clip(-LEVELS, LEVELS)
    return levels if not beyond else (np.round(levels / 2**beyond) * 2**beyond).clip(-LEVELS, LEVELS)


def _misfit(scaled: ScaledPopulation, box: Box) -> str | None:
    """Return why a block's numbers do not fit, None if they do."""
    largest = _largest(scaled, box)
    if not largest:
        return None
    exponent = _exponent(scaled, box)
    if exponent is None:
        bias = _largest_bias(scaled, box)
        return (
            f"its largest bias is {bias:.3g} thresholds and its largest weight {largest:.3g}, and no exponent of the "
            "chip's holds both"
        )
    if _threshold(largest, exponent) < _LEAST_THRESHOLD:
        most = _FULL * _BASE / _LEAST_THRESHOLD
        return f"its largest weight is {largest:.3g} thresholds, and the chip's numbers hold {most:,.0f} at most"
    return None


def _threshold(largest: float, exponent: int) -> float:
    """Return one threshold in the units of the membrane."""
    return _FULL / largest * _BASE * 2.0**exponent


def _exponent(scaled: ScaledPopulation, box: Box) -> int | None:
    """Return the first exponent with which the registers hold threshold and bias; None where none does."""
    largest, bias = _largest(scaled, box), _largest_bias(scaled, box)
    for exponent in _EXPONENTS:
        threshold = _threshold(largest, exponent)
        if threshold <= _LIMITS["threshold"] and bias * threshold <= _LIMITS["bias"]:
            return exponent
    return None


def _boxes(scaled: ScaledPopulation) -> Iterator[Box]:
    return scaled.fitted.placement.boxes()


def _largest(scaled: ScaledPopulation, box: Box) -> float:
    """Return the largest weight into a block, the clock's included."""
    weights = (_into(route, box, scaled.population.shape) for route in scaled.routes.values())
    return max(_clock(scaled, box), *(float(np.abs(each).max(initial=0.0)) for each in weights))


def _clock(scaled: ScaledPopulation, box: Box) -> float:
    """Return the largest weight from the clock."""
    kick = float(np.abs(scaled.kick[tuple(slice(*edges) for edges in box)]).max(initial=0.0)) / scaled.n_kicks
    return max(kick, _largest_bias(scaled, box) if scaled.held_steps else 0.0)


def _largest_bias(scaled: ScaledPopulation, box: Box) -> float:
    return float(np.abs(scaled.bias[tuple(slice(*edges) for edges in box)]).max(initial=0.0))


def _into(route: Route, box: Box, shape: tuple[int, ...]) -> Array:
    """Return the weights of a connection into a block."""
    if isinstance(route, ConvRoute):
        return route.kernel[..., slice(*box[2])]
    inside = np.arange(np.prod(shape)).reshape(shape)[tuple(slice(*edges) for edges in box)].reshape(-1)
    if isinstance(route, DenseRoute):
        return np.asarray(route.weights)[:, inside]
    return np.asarray(route.weights.tocsc()[:, inside].data)
