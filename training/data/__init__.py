"""Data to train on, from the files that data sets come in; all of it is read piece by piece."""

from __future__ import annotations

from .cifar10 import CIFAR10_CLASSES, Cifar10Images, read_cifar10_binary, read_cifar10_jpeg
from .event_files import read_events
from .event_recordings import NMNIST_FRAMES, EventRecordings
from .idx import read_idx
from .spiking_heidelberg import UNITS, HeidelbergSpikes, write_heidelberg
from .spoken_digits import speech_to_spikes

__all__ = [
    "CIFAR10_CLASSES",
    "NMNIST_FRAMES",
    "UNITS",
    "Cifar10Images",
    "EventRecordings",
    "HeidelbergSpikes",
    "read_cifar10_binary",
    "read_cifar10_jpeg",
    "read_events",
    "read_idx",
    "speech_to_spikes",
    "write_heidelberg",
]
