"""Run a batch until each of its samples is sure enough, in stretches of steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...converter.dynamics import Signal
from ...converter.ops import Array
from ..contract import RunResult
from ..early_exit import Confidence, EarlyExit
from .course import Course

__all__ = ["run_until_exit"]

_SHORTEST = 4


def run_until_exit(
    course: Course,
    currents: Mapping[str, Signal],
    n_steps: int,
    early: EarlyExit,
    confidence: Confidence,
    record: tuple[str, ...],
) -> RunResult:
    """Run a batch, and leave out the samples that are done before each further stretch of steps.

    The first stretch goes to the first step at which a sample may stop, the others take 1, 2, 4 … steps, but none fewer
    than four: to begin a stretch costs more than some steps.

    A sample whose confidence reaches the threshold inside a stretch is cut there, so that its outputs and its counts
    are those of a run that stops at that step.

    Parameters
    ----------
    currents
        Input → its currents in all the steps.
    """
    count, done = course.count, 0
    earliest = max(early.least_steps, confidence.start + 1)
    alive = np.arange(count)
    taken = np.full(count, n_steps)
    operations = np.zeros(count)
    counts: dict[str, Array] = {}
    outputs: dict[str, Array] = {}
    events: dict[str, Array] = {}
    while done < n_steps and len(alive):
        size = min(max(done - earliest + 1 if done else earliest, _SHORTEST), n_steps - done)
        steps = slice(done, done + size)
        part = {name: _part(signal, steps, alive) for name, signal in currents.items()}
        stretch = course.advance(part, size, record=record, each_step=True)
        (name, values), *_ = stretch.outputs.items()
        values = values.astype(np.float32)
        met = confidence.of_more(values) >= early.threshold
        met[: max(early.least_steps - 1 - done, 0)] = False
        left = met.any(axis=0)
        last = np.where(left, met.argmax(axis=0), size - 1)  # the last step of each sample in this stretch
        inside = np.arange(size)[:, None] <= last

        whole = outputs.setdefault(name, np.empty((count, n_steps, *values.shape[2:]), np.float32))
        whole[alive, steps] = values.swapaxes(0, 1)
        for place in np.flatnonzero(left):
            whole[alive[place], done + last[place] :] = values[last[place], place]
        for population, sent in stretch.counts.items():
            counts.setdefault(population, np.zeros(count, np.int64))[alive] += (sent * inside).sum(axis=0)
        for population, each in stretch.events.items():
            kept = events.setdefault(population, np.zeros((count, n_steps, *each.shape[2:]), np.int8))
            kept[alive, steps] = (each * inside.reshape(*inside.shape, *(1,) * (each.ndim - 2))).swapaxes(0, 1)
        operations[alive] += (stretch.operations * inside).sum(axis=0)
        taken[alive[left]] = done + last[left] + 1

        stay = np.flatnonzero(~left)
        alive, done = alive[stay], done + size
        if left.any():
            course.keep(stay)
            confidence.keep(stay)
    return RunResult(
        outputs_over_time=outputs,
        spike_counts=counts,
        synaptic_operations=operations,
        events=events,
        n_steps=n_steps,
        steps_taken=taken,
    )


def _part(signal: Signal, steps: slice, places: Array) -> Signal:
    """Return the currents of some steps and samples; one step of a sequence is no constant."""
    return Signal((signal.values if signal.constant else signal.values[steps])[:, places], signal.constant)
