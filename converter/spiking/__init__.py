"""From activations to neurons: thresholds from calibration data, the neuron's presets, the calibration chain."""

from __future__ import annotations

from .chip_notes import note_what_chips_lack
from .expected_loss import expected_loss
from .fewest_spikes import Tolerates
from .histograms import ActivationHistogram, collect_activations
from .insert_neurons import count_neurons
from .make_spiking import make_spiking
from .max_pooling import tell_max_pooling
from .presets import PRESETS, NeuronPreset
from .stages import Stages

__all__ = [
    "PRESETS",
    "ActivationHistogram",
    "NeuronPreset",
    "Stages",
    "Tolerates",
    "collect_activations",
    "count_neurons",
    "expected_loss",
    "make_spiking",
    "note_what_chips_lack",
    "tell_max_pooling",
]
