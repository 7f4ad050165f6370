"""A graph's values over the steps: what the cpu backend runs and what calibration measures."""

from __future__ import annotations

from .fire import fire
from .signal import Signal, apply_over_steps

__all__ = ["Signal", "apply_over_steps", "fire"]
