"""A graph's values over the steps: what the cpu backend runs and what calibration measures."""

from __future__ import annotations

from .fire import event_counts, fire, mean_output
from .population_state import PopulationState
from .signal import Signal, apply_over_steps

__all__ = ["PopulationState", "Signal", "apply_over_steps", "event_counts", "fire", "mean_output"]
