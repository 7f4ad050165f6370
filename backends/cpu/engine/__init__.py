"""The engine of the cpu backend: compiled loops over events, and the plan of what they take."""

from __future__ import annotations

from .events import Events
from .run import Engine
from .workspace import Workspace

__all__ = ["Engine", "Events", "Workspace"]
