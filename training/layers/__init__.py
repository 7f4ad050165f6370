"""Keras layers whose values change over time: neurons, filters, and what brings other layers along the time axis."""

from __future__ import annotations

from .adaptive_lif import AdaptiveLIF
from .cuba_lif import CubaLIF
from .filters import Alpha, Lowpass
from .in_one_loop import InOneLoop
from .leaky import Leaky
from .leaky_integrator import LeakyIntegrator
from .lif import LIF
from .over_steps import EachStep, RepeatOverTime, SwapBatchAndTime
from .recurrent_lif import RecurrentLIF
from .spiking_activation import SpikingActivation

__all__ = [
    "LIF",
    "AdaptiveLIF",
    "Alpha",
    "CubaLIF",
    "EachStep",
    "InOneLoop",
    "Leaky",
    "LeakyIntegrator",
    "Lowpass",
    "RecurrentLIF",
    "RepeatOverTime",
    "SpikingActivation",
    "SwapBatchAndTime",
]
