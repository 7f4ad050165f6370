"""The neuron's presets: what a target's neurons may send in one step, and the threshold that suits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PRESETS", "NeuronPreset"]


@dataclass(frozen=True, kw_only=True)
class NeuronPreset:
    """One kind of neuron.

    Attributes
    ----------
    n_min, n_max
        The fewest and the most events of a step.
    percentile
        The percentile of a channel's positive activations that the threshold stands for.
    threshold_factor
        The threshold is that activation times this factor.
    """

    name: str
    summary: str
    n_min: int
    n_max: int
    percentile: float
    threshold_factor: float


PRESETS: Mapping[str, NeuronPreset] = {
    preset.name: preset
    for preset in (
        NeuronPreset(
            name="graded",
            summary="whole-number events from -1 to 4, a -1 only where it takes back an earlier event",
            n_min=-1,
            n_max=4,
            percentile=99.0,
            threshold_factor=0.75,
        ),
        NeuronPreset(
            name="binary",
            summary="a spike or none in each step, as chips have it",
            n_min=0,
            n_max=1,
            percentile=99.9,
            threshold_factor=1.0,
        ),
    )
}
"""The presets by name."""
