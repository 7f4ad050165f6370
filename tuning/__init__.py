"""tune: search the settings of a conversion for the trade-off between accuracy, steps and spikes.

It needs Optuna: ``pip install 'spikeport[tune]'``.
"""

from __future__ import annotations

from .result import TuneResult, TuneRow
from .settings import Settings
from .tune import tune

__all__ = ["Settings", "TuneResult", "TuneRow", "tune"]
