"""Firing rates kept in a range while a network is fine-tuned."""

from __future__ import annotations

from typing import Any

from ..backends.keras.population import NeuronLayer
from ..errors import UsageError
from ..training.regularizers import Percentile

__all__ = ["keep_rates"]


def keep_rates(model: Any, rate_range: tuple[float, float], percentile: float, weight: float) -> None:
    """Add to the loss what a percentile of each neuron's rates over the batch is outside a range.

    Parameters
    ----------
    model
        That `SpikingNetwork.to_keras` made.
    rate_range
        (lowest, highest) in Hz.
    weight
        What a Hz costs, on average over the neurons of a population.

    Raises
    ------
    UsageError
        For a range that is none.
    """
    low, high = rate_range
    if not 0 <= low <= high:
        raise UsageError(f"expected a rate range (lowest, highest) in Hz from 0 on, received {rate_range}")
    for layer in model.layers:
        if isinstance(layer, NeuronLayer):
            layer.rate_regularizer = Percentile(percentile, axis=0, target=(low, high), l1=weight)
