"""Scaled populations on the compiled emulator: the deterministic twin of what nengo-loihi built."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ...converter.ops import Array
from .arrivals import Arrival, arriving, spikes_of
from .chip_run import ChipRun, Happenings, Voice
from .emulator.kernel import CLIPS
from .emulator.program import Program
from .emulator.run import Emulator

__all__ = ["Emulation", "Traffic"]


@dataclass(eq=False)
class Traffic:
    """What the chip did in all samples together, the steps before and behind the window included.

    Attributes
    ----------
    spikes, operations, overflows
        For each core: spikes sent, synaptic operations, and registers that overflowed.
    inputs
        Spikes that crossed from the host to the chip.
    most_inputs
        The most of one step.
    messages
        Spikes, once for each core that they went to.
    neurons
        How many neurons each core has.
    samples, steps
        How many samples, and how many steps of all of them together.
    """

    spikes: Array
    operations: Array
    overflows: Array
    neurons: Array
    samples: int = 0
    steps: int = 0
    inputs: int = 0
    most_inputs: int = 0
    messages: int = 0

    @classmethod
    def of(cls, program: Program) -> Traffic:
        """Return it before the first step."""
        n_cores = program.n_cores
        neurons = np.bincount(program.neurons.core, minlength=n_cores)
        spikes, operations, overflows = np.zeros((3, n_cores), np.int64)
        return cls(spikes, operations, overflows, neurons)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "samples": self.samples,
            "steps": self.steps,
            "host_to_chip_spikes": self.inputs,
            "host_to_chip_spikes_of_a_step_at_most": self.most_inputs,
            "messages": self.messages,
            "spikes_of_cores": self.spikes.tolist(),
            "synaptic_operations_of_cores": self.operations.tolist(),
            "overflows_of_cores": self.overflows.tolist(),
        }


class Emulation:
    """A chip that is emulated.

    Parameters
    ----------
    program
        What nengo-loihi built and discretised.
    arrivals
        What reaches it, in the order of its inputs.
    voices
        Population → how the host hears it, the host's own included.
    """

    def __init__(
        self, program: Program, arrivals: Sequence[Arrival], voices: Mapping[str, Voice], *, n_jobs: int | None = None
    ) -> None:
        self.program, self.arrivals, self.voices = program, tuple(arrivals), voices
        self.happenings = Happenings()
        self.traffic = Traffic.of(program)
        heard = {arrival.source for arrival in arrivals}
        self._unheard = [
            Arrival(source=name, size=prod(voice.shape))  # by the chip: the host alone reads them
            for name, voice in voices.items()
            if not voice.on_chip and name not in heard
        ]
        self._targets = (program.synapses > 0).sum(axis=1)
        self._emulator = Emulator(program, n_jobs)
        self._depth = max(v.depth for v in voices.values())

    def run_batch(self, currents: Mapping[str, Array], n_steps: int, watch: Collection[str]) -> ChipRun:
        """Run samples, each from a clean state."""
        total = n_steps + self._depth
        flags = spikes_of(self.arrivals, currents, total + 1, self._emulator.width)
        spikes, counts = self._of_host(self.arrivals, flags, n_steps, watch)
        for arrival in self._unheard:
            own = spikes_of([arrival], currents, total + 1, arrival.size)
            for found, more in zip((spikes, counts), self._of_host([arrival], own, n_steps, watch)):
                found.update(more)
        ran = self._ran(flags[:, :total], n_steps, watch)
        return ChipRun(spikes={**spikes, **ran.spikes}, counts={**counts, **ran.counts})

    def run_sent(self, sent: Mapping[str, Array], n_steps: int, watch: Collection[str]) -> ChipRun:
        """Run samples for which the host sends these spikes: source → ``(samples, n_steps, neurons)``, 0 or 1."""
        return self._ran(arriving(self.arrivals, sent, n_steps + self._depth, self._emulator.width), n_steps, watch)

    def _ran(self, flags: Array, n_steps: int, watch: Collection[str]) -> ChipRun:
        """Run the chip on what reaches it in each step."""
        total = flags.shape[1]
        spikes: dict[str, Array] = {}
        counts: dict[str, Array] = {}
        samples = len(flags)
        watched = [name for name in watch if name in self.program.populations]
        states = self._emulator.clean(samples)
        sent = {name: np.zeros((samples, place.size), np.int64) for name, place in self.program.populations.items()}
        seen: dict[str, list[Array]] = {name: [] for name in watched}
        depths = {name: self.voices[name].depth for name in self.program.populations}
        edges = sorted({0, total, *depths.values(), *(d + n_steps for d in depths.values())})
        for start, stop in pairwise(edges):
            before = states.fired[:, : self.program.n_neurons].astype(np.int32)
            run = self._emulator.run(flags[:, start:stop], watch=watched, states=states)
            self._note(run.delivered, run.clips)
            # what was sent in these steps: what was delivered in them, which is a step later
            fresh = run.delivered[:, self.program.n_inputs :] - before + states.fired[:, : self.program.n_neurons]
            for name, place in self.program.populations.items():
                if depths[name] <= start < depths[name] + n_steps:
                    sent[name] += fresh[:, place.range]
                    if name in seen:
                        seen[name].append(run.spikes[name])
        self._note_inputs(flags, total)
        for name, parts in seen.items():
            spikes[name] = (
                np.concatenate(parts, axis=1).view(np.int8).reshape(samples, n_steps, *self.voices[name].shape)
            )
        for name, each in sent.items():
            counts[name] = each.reshape(samples, *self.voices[name].shape)
        return ChipRun(spikes=spikes, counts=counts)

    def close(self) -> None:
        """Do nothing: memory is all that it holds."""

    def _of_host(
        self, arrivals: Sequence[Arrival], flags: Array, n_steps: int, watch: Collection[str]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the spikes of the host's neurons in their window, and how many there were."""
        spikes: dict[str, Array] = {}
        counts: dict[str, Array] = {}
        done: set[tuple[str, int]] = set()
        start = 0
        for arrival in arrivals:
            place = slice(start, start + arrival.size)
            start += arrival.size
            if arrival.clock or arrival.key in done:
                continue
            done.add(arrival.key)
            name, shape = arrival.source, self.voices[arrival.source].shape
            sent = flags[:, 1 : 1 + n_steps, place]
            count = sent.sum(axis=1, dtype=np.int64).reshape(-1, *shape)
            counts[name] = counts[name] + count if name in counts else count
            if name in watch:
                signed = sent.view(np.int8).reshape(*sent.shape[:2], *shape) * np.int8(arrival.sign)
                spikes[name] = spikes[name] + signed if name in spikes else signed
        return spikes, counts

    def _note(self, delivered: Array, clips: Array) -> None:
        traffic, each = self.traffic, delivered.sum(axis=0, dtype=np.int64)
        traffic.operations += each @ self.program.synapses
        traffic.messages += int(each @ self._targets)
        traffic.spikes += np.bincount(
            self.program.neurons.core, weights=each[self.program.n_inputs :], minlength=self.program.n_cores
        ).astype(np.int64)
        harmful = clips[:, :-1].sum(axis=0)  # the last is the voltage: at its highest it is a spike all the same
        traffic.overflows += harmful.sum(axis=0)
        for name, number in zip(CLIPS, harmful.sum(axis=1)):
            if number:
                self.happenings.overflows[name] = self.happenings.overflows.get(name, 0) + int(number)

    def _note_inputs(self, flags: Array, steps: int) -> None:
        crossing = flags.sum(axis=2, dtype=np.int64)
        self.traffic.samples += len(flags)
        self.traffic.steps += steps * len(flags)
        self.traffic.inputs += int(crossing.sum())
        self.traffic.most_inputs = max(self.traffic.most_inputs, int(crossing.max(initial=0)))
