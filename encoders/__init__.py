"""How samples become input currents: constant, as spikes, as changes; and frames from the events of a sensor."""

from __future__ import annotations

from .base import Encoder
from .constant import ConstantCurrent
from .currents import InputCurrents
from .delta import Delta
from .event_frames import EventFrames
from .first_spike import TimeToFirstSpike
from .poisson import Poisson
from .registry import ENCODERS, EncoderChoice, encoder_named

__all__ = [
    "ENCODERS",
    "ConstantCurrent",
    "Delta",
    "Encoder",
    "EncoderChoice",
    "EventFrames",
    "InputCurrents",
    "Poisson",
    "TimeToFirstSpike",
    "encoder_named",
]
