"""What a spike of the chip is worth: measured on calibration samples, or estimated without any."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...converter.ops import Array
from .scaling import ScaledHost, ScaledPopulation
from .twin import chip_spikes, host_spikes

__all__ = ["EstimatedGains", "MeasuredGains", "current_over_time", "sent_by_host"]

_SPREAD = 3.0  # how far a channel's gain goes from the one for all, as a factor
_RIDGE = 0.02  # of the mean variance of a channel: how much a channel leans on the gain of the whole population


class MeasuredGains:
    """Least squares of the activation on the spike rate, for each channel, over calibration samples.

    Parameters
    ----------
    values
        Population → ``(samples, rows, columns, channels)``: on the host what drives it, currents or values to encode;
        on the chip its activations in the rate network.
    n_steps
        How long a sample will be presented.
    depth
        How many steps more the network runs.
    """

    def __init__(self, values: Mapping[str, Array], n_steps: int, depth: int) -> None:
        self._values = values
        self._n_steps, self._total = n_steps, n_steps + depth
        self._spikes: dict[str, Array] = {}

    def of_host(self, host: ScaledHost) -> None:
        """Run the host's neurons on the samples."""
        name = host.population.name
        current = self._values[name] / host.worth
        self._spikes[name] = sent_by_host(current, self._total, host.signed)

    def of_chip(self, scaled: ScaledPopulation) -> tuple[Array, Array]:
        """Run the population on the samples and return the gain and the offset of each channel."""
        name, depth = scaled.population.name, scaled.population.depth
        samples = len(self._values[name])
        spikes = np.empty((samples, self._total, *scaled.population.shape), np.int8)
        for sample in range(samples):
            sent = {source: self._spikes[source][sample] for source in scaled.routes}
            spikes[sample] = chip_spikes(current_over_time(scaled, sent))
        self._spikes[name] = spikes
        rate = spikes[:, depth : depth + self._n_steps].mean(axis=1, dtype=np.float64)
        return _regression(rate, self._values[name] / scaled.threshold)


class EstimatedGains:
    """One gain for all channels of a population, where there are no samples to measure on.

    Fitted to the gains that were measured on trained image classifiers: 1.1 to 1.2 in the first two layers on the chip,
    up to 1.4 in those behind, which less regular spikes reach. There it is a rough guide only.
    """

    def __init__(self, n_steps: int) -> None:
        self._lost = 0.36 * n_steps**-0.25

    def of_host(self, host: ScaledHost) -> None:
        """Ignore it."""

    def of_chip(self, scaled: ScaledPopulation) -> tuple[Array, Array]:
        """Return the gain for each channel, and no offset."""
        channels, deeper = scaled.population.shape[2], max(scaled.population.depth - 2, 0)
        return np.full(channels, 1 + self._lost * (1 + 0.35 * deeper)), np.zeros(channels)


def sent_by_host(current: Array, n_steps: int, signed: bool) -> Array:
    """Return the spikes of host neurons, −1 for those of the negative set: ``(samples, steps, …)`` int8."""
    spikes = host_spikes(current, n_steps).astype(np.int8)
    if signed:
        spikes -= host_spikes(-current, n_steps)
    return spikes.swapaxes(0, 1)


def current_over_time(scaled: ScaledPopulation, sent: Mapping[str, Array]) -> Array:
    """Return the current into a population, in thresholds, from the spikes of one sample: a step on the way each.

    Parameters
    ----------
    sent
        Source → ``(steps, rows, columns, channels)``.
    """
    (steps,) = {len(spikes) for spikes in sent.values()}
    current = np.zeros((steps, *scaled.population.shape), np.float32)
    for source, route in scaled.routes.items():
        current[1:] += route.apply(sent[source][:-1].astype(np.float32))
    bias = scaled.bias.astype(np.float32)
    current[:1] += bias
    current[1 + scaled.held_steps :] += bias
    current[1:2] += scaled.kick.astype(np.float32)
    return current


def _regression(rate: Array, activation: Array) -> tuple[Array, Array]:
    """Return the gain and the offset from rate to activation for each channel, the gain drawn to the one for all."""
    axes = tuple(range(rate.ndim - 1))
    mean_rate, mean_activation = rate.mean(axis=axes), activation.mean(axis=axes)
    both = (activation * rate).mean(axis=axes) - mean_activation * mean_rate
    variance = (rate * rate).mean(axis=axes) - mean_rate**2
    if not variance.any():
        return np.ones(variance.shape), np.zeros(variance.shape)
    ridge = _RIDGE * variance.mean()
    for_all = both.sum() / variance.sum()
    if for_all <= 0:  # spikes that say nothing of the activation
        return np.ones(variance.shape), np.zeros(variance.shape)
    gain = np.clip((both + ridge * for_all) / (variance + ridge), for_all / _SPREAD, for_all * _SPREAD)
    return gain, mean_activation - gain * mean_rate
