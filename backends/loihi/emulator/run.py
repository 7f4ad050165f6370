"""Running a program: many samples, each from a clean state, a part of them in each thread."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from ....converter.ops import Array
from ... import compilation
from .add_run import LANES
from .kernel import CLIPS, run_sample, run_sample_of_floats
from .program import Program

__all__ = ["Emulator", "Run", "States", "is_compiled"]

_GROUP = 8  # flags that are searched for spikes at once


@dataclass(frozen=True, eq=False)
class States:
    """What the chip remembers between two steps, for each sample.

    Attributes
    ----------
    registers
        ``(samples, 4, neurons)``: the input of the last step, current, voltage, and for how many steps the neuron
        rests yet.
    fired
        ``(samples, neurons)`` uint8, up to a multiple of 8: the spikes of the last step.
    """

    registers: Array
    fired: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """What the chip did.

    Attributes
    ----------
    spikes
        Population → ``(samples, steps, *shape)`` uint8, for those that were watched.
    delivered
        ``(samples, sources)`` int32: how many spikes of each source reached the synapses; first the inputs.
    clips
        ``(samples, 4, cores)`` int64: how often each of the registers `CLIPS` overflowed, or was clipped from above.
    """

    spikes: Mapping[str, Array]
    delivered: Array
    clips: Array = field(repr=False)


class Emulator:
    """The chip.

    Parameters
    ----------
    n_jobs
        Threads; by default one for each processor.
    """

    def __init__(self, program: Program, n_jobs: int | None = None) -> None:
        self.program = program
        self._jobs = n_jobs or _processors()

    @property
    def width(self) -> int:
        """Return for how many inputs the flags have room."""
        return _grouped(self.program.n_inputs)

    def clean(self, samples: int) -> States:
        """Return the state before the first step."""
        n = self.program.n_neurons + LANES  # a run is added in whole vectors
        return States(
            np.zeros((samples, 4, n), self.program.neurons.threshold.dtype),
            np.zeros((samples, _grouped(self.program.n_neurons)), np.uint8),
        )

    def run(self, arriving: Array, *, watch: Iterable[str] = (), states: States | None = None) -> Run:
        """Run samples.

        Parameters
        ----------
        arriving
            ``(samples, steps, width)`` uint8, 1 for a spike that reaches the synapses in a step: the inputs, and then
            nothing up to a multiple of 8.
        watch
            Populations whose spikes are wanted.
        states
            Where to go on from; it is changed. By default each sample begins with a clean state.
        """
        program, watch = self.program, tuple(watch)
        samples, steps = arriving.shape[:2]
        states = states or self.clean(samples)
        places = [program.populations[name] for name in watch]
        watched = np.array([(p.start, p.start + p.size) for p in places], dtype=np.int64).reshape(-1, 2)
        seen = np.empty((samples, steps, sum(p.size for p in places)), np.uint8)
        delivered = np.zeros((samples, program.n_inputs + program.n_neurons), np.int32)
        clips = np.zeros((samples, len(CLIPS), program.n_cores), np.int64)

        run = run_sample if program.rounds else run_sample_of_floats

        def one(k: int) -> None:
            run(
                program.neurons, program.rows, arriving[k], states.registers[k], states.fired[k],
                delivered[k], clips[k], watched, seen[k],
            )  # fmt: skip

        if self._jobs == 1 or samples == 1:
            for k in range(samples):
                one(k)
        else:
            with ThreadPoolExecutor(self._jobs) as pool:
                list(pool.map(one, range(samples)))
        found, start = {}, 0
        for name, place in zip(watch, places):
            found[name] = seen[:, :, start : start + place.size].reshape(samples, steps, *place.shape)
            start += place.size
        return Run(spikes=found, delivered=delivered, clips=clips)


def is_compiled() -> bool:
    """Say whether the loops were compiled for this processor before, in this process or one that left them on disk."""
    return compilation.is_compiled(run_sample)


def _grouped(size: int) -> int:
    return -(-size // _GROUP) * _GROUP


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
