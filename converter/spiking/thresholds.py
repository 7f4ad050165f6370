"""Threshold rules that need no spikes: from the distribution of each channel's activations."""

from __future__ import annotations

import numpy as np

from ..ops import Array
from .histograms import ActivationHistogram
from .presets import NeuronPreset

__all__ = ["balanced", "channel_scale", "mmse", "threshold_by_rule"]

_SMALLEST = 1e-6  # of the layer's largest scale: a channel that is hardly ever active gets no smaller threshold
_MMSE_CANDIDATES = 95  # max · (1 - 0.01 i), i = 0 … 94, as in the reference
_MANY = 2000  # activations of a channel: of fewer, the largest that will come is not among those that were seen
_BALANCING_ROUNDS, _BALANCING_RATE = 100, 0.05


def channel_scale(histogram: ActivationHistogram, percentile: float) -> tuple[Array, int]:
    """Return each channel's activation at the percentile, and how many channels never were active."""
    return _without_silent(histogram.percentile(percentile))


def threshold_by_rule(rule: str, histogram: ActivationHistogram, preset: NeuronPreset, n_steps: int) -> Array:
    """Return θ for each channel, in activation units: ``(channels,)``.

    Parameters
    ----------
    rule
        "percentile", "maximum", "mmse" or "balanced". "fitted": where a fit on spike trains starts from: "mmse" for
        neurons that round and channels with many activations, else "percentile".
    n_steps
        The steps that the network is meant for; "mmse" depends on it.
    """
    if rule == "mmse":
        return _without_silent(mmse(histogram, n_steps, preset.n_max))[0]
    if rule == "balanced":
        return _without_silent(balanced(histogram))[0] / preset.n_max
    if rule == "maximum":
        return _without_silent(histogram.maximum)[0] / preset.n_max
    from_percentile = channel_scale(histogram, preset.percentile)[0] * preset.threshold_factor
    if rule == "fitted" and _rounds(preset):
        many = np.array([counts.sum() >= _MANY for _, counts in histogram.channels()])
        return np.where(many, mmse(histogram, n_steps, preset.n_max), from_percentile)
    return from_percentile


def _rounds(preset: NeuronPreset) -> bool:
    """Say whether a constant current becomes the nearest level of so many steps."""
    one = np.ones(1, np.float32)
    return preset.neurons(one, one).plain


def mmse(histogram: ActivationHistogram, n_steps: int, n_max: int) -> Array:
    """Return the θ that rounds activations to the levels of so many steps with the least mean squared error.

    ``argmin_θ Σ (a - θ/T · clip(round(a·T/θ), 0, n_max·T))²`` over θ = max/n_max · (1 - 0.01 i): Li et al. 2021, "A
    free lunch from ANN: towards efficient, accurate spiking neural networks calibration", with the rounding that an
    initial voltage of ½ gives.
    """
    result = np.zeros(len(histogram.maximum))
    for channel, (values, counts) in enumerate(histogram.channels()):
        if not len(values):
            continue
        candidates = histogram.maximum[channel] / n_max * (1 - 0.01 * np.arange(_MMSE_CANDIDATES))[:, None]
        levels = np.clip(np.rint(values * n_steps / candidates), 0, n_max * n_steps)
        errors = ((values - candidates / n_steps * levels) ** 2) @ counts
        result[channel] = candidates[errors.argmin(), 0]
    return result


def balanced(histogram: ActivationHistogram) -> Array:
    """Return the θ of local threshold balancing: raised from 0 by the part of the activations that it cuts off.

    ``θ ← θ + η · E[2 (a - θ)₊]``, Bu et al. 2025, "Inference-scale complexity in ANN-SNN conversion for
    high-performance and low-power applications"; the expectation over the channel's positive activations, 100 rounds.
    """
    result = np.zeros(len(histogram.maximum))
    for channel, (values, counts) in enumerate(histogram.channels()):
        theta = 0.0
        for _ in range(_BALANCING_ROUNDS if len(values) else 0):
            beyond = float(np.maximum(values - theta, 0) @ counts / counts.sum())
            theta += _BALANCING_RATE * 2 * beyond
        result[channel] = theta
    return result


def _without_silent(scale: Array) -> tuple[Array, int]:
    """Give channels that never were active the layer's largest scale, and return how many there are."""
    largest = float(scale.max(initial=0.0)) or 1.0
    silent = scale <= 0
    return np.where(silent, largest, np.maximum(scale, _SMALLEST * largest)), int(silent.sum())
