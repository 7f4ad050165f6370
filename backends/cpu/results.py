"""Results: what batches did, as the outside sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...converter.ops import Array
from ..contract import RunResult
from .course import Stretch

__all__ = ["as_result", "with_first_phase"]


def as_result(done: Sequence[Stretch], n_steps: int, input_events: Array | None) -> RunResult:
    """Return what a batch did in all its steps, from its stretches of them."""

    def in_line(pick: str) -> dict[str, Array]:
        return {name: np.concatenate([getattr(d, pick)[name] for d in done]) for name in getattr(done[0], pick)}

    return RunResult(
        outputs_over_time={name: x.swapaxes(0, 1).astype(np.float32) for name, x in in_line("outputs").items()},
        spike_counts={name: counts.sum(axis=0) for name, counts in in_line("counts").items()},
        synaptic_operations=np.concatenate([d.operations for d in done]).sum(axis=0),
        events={name: sent.swapaxes(0, 1) for name, sent in in_line("events").items()},
        n_steps=n_steps,
        input_events=input_events,
    )


def with_first_phase(result: RunResult, before: Sequence[Stretch], extra_steps: int) -> RunResult:
    """Return the result with the events of the first phase counted too."""
    if not before:
        return result
    counts = {name: c + sum(b.counts[name].sum(axis=0) for b in before) for name, c in result.spike_counts.items()}
    operations = result.synaptic_operations + sum(b.operations.sum(axis=0) for b in before)
    return replace(result, spike_counts=counts, synaptic_operations=operations, extra_steps=extra_steps)
