"""The options of the cpu backend; without the compiler, which is imported with the deployment."""

from __future__ import annotations

from dataclasses import dataclass

from ..early_exit import EarlyExit
from .two_phase import Correction

__all__ = ["MEMORY", "Options"]

MEMORY = 512 * 2**20


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the cpu backend, checked.

    Attributes
    ----------
    memory
        About how many bytes the samples that are run at once may take.
    batch
        How many samples a thread runs at once; None for what is fast and fits.
    n_jobs
        How many threads; None for one a processor.
    """

    memory: int = MEMORY
    batch: int | None = None
    n_jobs: int | None = None
    seed: int = 0
    correction: Correction | None = None
    exit: EarlyExit | None = None
    profile: bool = False
