"""Places to run a converted network. Each lowers the same graph, and says beforehand what it cannot take and why."""

from __future__ import annotations

from .contract import Backend, Deployment, RunResult, Verdict
from .early_exit import EarlyExit
from .registry import BACKENDS, backend_named

__all__ = ["BACKENDS", "Backend", "Deployment", "EarlyExit", "RunResult", "Verdict", "backend_named"]
