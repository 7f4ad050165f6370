"""The scale rule: thresholds, weights in thresholds, initial voltages, and what a spike is worth to those who read it.

The chip's neurons lose, with every spike, what the membrane had beyond the threshold: they reset to zero. They answer
a current with fewer spikes than a neuron that subtracts its threshold does, by a factor that hardly depends on the
current. So a spike is worth a little more than a threshold: the gain. And a rate stands for a little more or less than
itself: the offset. Both are folded into the weights and biases behind the population, where they cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import Protocol

import numpy as np

from ...converter.ops import Array
from .chip_run import Voice
from .fit import Fit, Fitted
from .folding import Folding, Population
from .routes import Route
from .trained_neurons import Membrane

__all__ = ["Gains", "ScaledHost", "ScaledPopulation", "scale", "threshold_factor", "voices_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaledHost:
    """Host neurons: a spike is worth so many activation units; with ``signed``, a second set sends negative ones."""

    population: Population
    worth: Array
    signed: bool = False

    @property
    def offset(self) -> Array:
        """Return 0: these neurons subtract their threshold, and lose nothing."""
        return np.zeros_like(self.worth)


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaledPopulation:
    """A population of the chip, everything in thresholds.

    Attributes
    ----------
    routes
        Source → the connection from it.
    bias
        ``(rows, columns, channels)``, a step.
    kick
        The voltage that the clock's first spike brings: the initial voltage, less the bias of the step before it.
    threshold
        For each channel, in activation units.
    worth
        What one spike stands for, for each channel, in activation units.
    offset
        What is added to the mean of the spikes' worth, for each channel, in activation units.
    membrane
        Of neurons that were trained on spikes; None for those that stand in for a ReLU.
    """

    fitted: Fitted
    routes: Mapping[str, Route]
    bias: Array
    kick: Array
    threshold: Array
    worth: Array
    offset: Array
    membrane: Membrane | None = None

    @property
    def population(self) -> Population:
        """Return the population itself."""
        return self.fitted.population

    @property
    def largest(self) -> float:
        """Return the largest weight from a source, without its sign."""
        return max(route.largest for route in self.routes.values())

    @property
    def n_kicks(self) -> int:
        """Return how many clock neurons share the kick, of those that there is room for.

        As many as bring its weights near the others': one exponent serves all weights of a core.
        """
        largest, kick = self.largest, float(np.abs(self.kick).max(initial=0.0))
        needed = ceil(kick / (2 * largest)) if largest > 0 else 1
        return min(max(needed, 1), self.fitted.n_kicks)

    @property
    def held_steps(self) -> int:
        """For how many steps the clock cancels the bias: until the first spikes of a sample arrive."""
        return self.population.depth - 1


Scaled = ScaledHost | ScaledPopulation


def voices_of(scaled: Mapping[str, Scaled]) -> dict[str, Voice]:
    """Return how the host hears each population."""
    return {
        name: Voice(
            shape=s.population.shape,
            depth=s.population.depth,
            on_chip=s.population.on_chip,
            encodes=s.population.encodes,
            worth=s.worth,
            offset=s.offset,
        )
        for name, s in scaled.items()
    }


class Gains(Protocol):
    """A rule for what spikes are worth."""

    def of_host(self, host: ScaledHost) -> None:
        """Take note of a host population, each after its sources."""

    def of_chip(self, scaled: ScaledPopulation) -> tuple[Array, Array]:
        """Return the gain and the offset of each channel, in thresholds."""
        ...


def threshold_factor(n_steps: int, depth: int) -> float:
    """Return the threshold, as a part of the activation that a channel reaches.

    A lower threshold gives more spikes, a higher one loses less with each of them; measured on trained networks, the
    error is least near √T / 3, lower for networks with more than two layers on the chip, and no lower than a half.
    """
    return max(0.5, sqrt(n_steps / max(depth / 2, 1)) / 3)


def scale(
    folding: Folding, fit: Fit, n_steps: int, gains: Gains, ranges: Mapping[str, tuple[float, bool]]
) -> Mapping[str, Scaled]:
    """Return every population in units of its thresholds, each after its sources.

    Parameters
    ----------
    ranges
        Encoded node → the largest value that its neurons can send, and whether there are negative ones.
    """
    scaled: dict[str, Scaled] = {}
    factor = threshold_factor(n_steps, max(p.depth for p in folding.populations.values()))
    for name, population in folding.populations.items():
        if not population.on_chip:
            if population.encodes:
                largest, signed = ranges[name]
                host = ScaledHost(population=population, worth=np.full(population.shape[2:], largest), signed=signed)
            else:
                host = ScaledHost(population=population, worth=_scale_of(population))
            gains.of_host(host)
            scaled[name] = host
            continue
        bare = _in_thresholds(fit.fitted[name], scaled, factor)
        gain, offset = gains.of_chip(bare)
        scaled[name] = replace(bare, worth=bare.threshold * gain, offset=bare.threshold * offset)
    return scaled


def _in_thresholds(fitted: Fitted, scaled: Mapping[str, Scaled], factor: float) -> ScaledPopulation:
    population = fitted.population
    threshold = factor * _scale_of(population)
    if population.current is None:
        raise ValueError(f"{population.name}: expected a population of the chip, received one of the host")
    routes = {s: route.scaled(scaled[s].worth, 1 / threshold) for s, route in fitted.routes.items()}
    bias = population.current / threshold
    for source, route in routes.items():
        sender = scaled[source]
        silence = np.broadcast_to(sender.offset / sender.worth, (1, *sender.population.shape))
        bias = bias + route.apply(np.ascontiguousarray(silence))[0]
    return ScaledPopulation(
        fitted=fitted,
        routes=routes,
        bias=bias,
        kick=0.5 - np.where(bias < 1, bias, 0),  # a bias of a threshold fires at once, and leaves nothing to cancel
        threshold=threshold,
        worth=threshold,
        offset=np.zeros_like(threshold),
    )


def _scale_of(population: Population) -> Array:
    if population.scale is None:
        raise ValueError(f"{population.name}: expected neurons with a scale, received a ReLU")
    return population.scale
