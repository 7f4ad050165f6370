"""Joining: the results of samples that came in several parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..converter.ops import Array
from .contract import RunResult

__all__ = ["joined"]


def joined(parts: Sequence[RunResult]) -> RunResult:
    """Return the results of parts as one."""

    def join(pick: str) -> dict[str, Array]:
        return {name: np.concatenate([getattr(p, pick)[name] for p in parts]) for name in getattr(parts[0], pick)}

    def join_one(pick: str) -> Array | None:
        there = [getattr(p, pick) for p in parts if getattr(p, pick) is not None]
        return np.concatenate(there) if there else None

    return replace(
        parts[0],
        outputs_over_time=join("outputs_over_time"),
        spike_counts=join("spike_counts"),
        synaptic_operations=join_one("synaptic_operations"),
        events=join("events"),
        input_events=join_one("input_events"),
        steps_taken=join_one("steps_taken"),
    )
