"""From activations to neurons: thresholds from calibration data, and the neuron's presets."""

from __future__ import annotations

from .calibration import ActivationHistogram, collect_activations
from .chip_notes import note_what_chips_lack
from .insert_neurons import count_neurons, insert_neurons
from .presets import PRESETS, NeuronPreset

__all__ = [
    "PRESETS",
    "ActivationHistogram",
    "NeuronPreset",
    "collect_activations",
    "count_neurons",
    "insert_neurons",
    "note_what_chips_lack",
]
