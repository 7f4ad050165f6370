"""The engine of the cpu backend: compiled loops over events, and the plan of what they take."""

from __future__ import annotations

from ... import compilation
from .events import Events
from .run import Engine
from .whole_population import run_whole
from .workspace import Workspace

__all__ = ["Engine", "Events", "Workspace", "is_compiled"]


def is_compiled() -> bool:
    """Say whether the loops were compiled for this processor before, in this process or one that left them on disk."""
    return compilation.is_compiled(run_whole)
