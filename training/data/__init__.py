"""Data to train on, from the files that data sets come in; all of it is read piece by piece."""

from __future__ import annotations

from .idx import read_idx
from .spiking_heidelberg import UNITS, HeidelbergSpikes, write_heidelberg
from .spoken_digits import speech_to_spikes

__all__ = ["UNITS", "HeidelbergSpikes", "read_idx", "speech_to_spikes", "write_heidelberg"]
