"""Models that were trained on spikes: their time axis becomes the steps of the network, their layers what they are."""

from __future__ import annotations

from .handlers import TRAINED_LAYERS
from .record import as_steps, keeps_time

__all__ = ["TRAINED_LAYERS", "as_steps", "keeps_time"]
