"""Fine-tuning: a converted network trained further, for few steps."""

from __future__ import annotations

from .finetune import finetune
from .recipes import METHODS

__all__ = ["METHODS", "finetune"]
