"""Presenting samples to a chip: the host's part of the graph before it, the chip, and the host's part behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array, Input, Neurons
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import OnProgress, RunResult, silent
from ..fan_out import fan_out
from .analog import evaluate_from
from .chip_run import Chip, ChipRun, Voice
from .emulation import Emulation
from .energy import Estimate, estimate
from .limits import CHIP_LIMITS
from .read_out import ReadOut

__all__ = ["Presentation", "fed"]

_STATE = 40  # bytes that an emulated neuron's registers and counters take
_CORES = next(limit.value for limit in CHIP_LIMITS if limit.name == "cores")


class Presentation:
    """A graph whose populations have a place, ready for samples.

    Parameters
    ----------
    voices
        Population → how the host hears it; each after its sources.
    batch, memory
        How many samples are run at once at most, and about how many bytes their spikes may take.
    """

    def __init__(
        self, graph: Graph, voices: Mapping[str, Voice], chip: Chip, *, batch: int = 64, memory: int = 2**28
    ) -> None:
        self.graph, self.voices, self.chip = graph, voices, chip
        self._batch, self._memory = batch, memory
        self._depth = max(voice.depth for voice in voices.values())
        self._drives = _drives_of(graph, voices)
        self._synapses = fan_out(graph)
        self._read_out = ReadOut.of(graph, [name for name, voice in voices.items() if not voice.encodes])

    def run(
        self,
        samples: Sequence[Array],
        n_steps: int,
        *,
        encoder: EncoderChoice | None = None,
        first: int = 0,
        record: Iterable[str] = (),
        on_progress: OnProgress = silent,
    ) -> RunResult:
        """Run the samples, each from a clean state: on the emulator many at once, on hardware one after another.

        The network runs for a few steps more than ``n_steps``: spikes take a step from layer to layer, and each
        population is read from the step on at which a sample reaches it. Nothing is random, so ``first`` has no effect.
        """
        if not InputCurrents.of(self.graph, samples, n_steps, encoder, first).constant:
            raise UsageError(
                "the loihi backend takes samples as constant currents, received an encoder or a sequence: "
                "run with backend='cpu', or without encoder on samples that do not change"
            )
        record = frozenset(record)
        watch = {*record, *self._read_out.populations}.intersection(self.voices)
        outputs: dict[str, list[Array]] = {name: [] for name in self.graph.outputs}
        events: dict[str, list[Array]] = {name: [] for name in self.voices if name in record}
        counts: dict[str, list[Array]] = {name: [] for name in self.voices}
        operations: list[Array] = []
        for feeds, ran in self._ran(samples, n_steps, watch):
            for name, values in self._read_out.outputs(ran.spikes, self.voices, feeds).items():
                outputs[name].append(values)
            for name, sent in ran.counts.items():
                counts[name].append(sent.reshape(len(sent), -1).sum(axis=1))
            operations.append(np.sum([self._operations(name, sent) for name, sent in ran.counts.items()], axis=0))
            for name, kept in events.items():
                kept.append(ran.spikes[name].reshape(-1, n_steps, *self.graph.nodes[name].shape))
            on_progress(len(next(iter(feeds.values()))))
        return RunResult(
            outputs_over_time={name: np.concatenate(values) for name, values in outputs.items()},
            spike_counts={name: np.concatenate(values) for name, values in counts.items()},
            synaptic_operations=np.concatenate(operations),
            events={name: np.concatenate(values) for name, values in events.items()},
            n_steps=n_steps,
        )

    def rates(self, samples: Sequence[Array], n_steps: int) -> dict[str, Array]:
        """Return what the spikes of each ReLU stand for: population → ``(samples, *shape)``, in activation units."""
        found: dict[str, list[Array]] = {name: [] for name, voice in self.voices.items() if not voice.encodes}
        for _, ran in self._ran(samples, n_steps, ()):
            for name, values in found.items():
                means = ran.counts[name] / n_steps * self.voices[name].worth + self.voices[name].offset
                values.append(means.reshape(-1, *self.graph.nodes[name].shape))
        return {name: np.concatenate(values) for name, values in found.items()}

    def counted(self) -> dict[str, Any]:
        """Return what an emulated chip counted in all runs: spikes, synaptic operations and overflows of each core."""
        return {"traffic": self.chip.traffic.to_json()} if isinstance(self.chip, Emulation) else {}

    def estimate(self) -> Estimate:
        """Return what a sample costs in energy and time, from all samples that were run.

        Raises
        ------
        UsageError
            Before the first run, or on hardware.
        """
        chip = self.chip
        if not isinstance(chip, Emulation) or not chip.traffic.samples:
            raise UsageError("expected samples that were run on the emulator, from which an estimate takes its counts")
        sources = [n.name for n in self.graph.nodes.values() if isinstance(n.op, (Input, Neurons))]
        macs = sum(float(self._synapses[name].sum()) for name in sources)
        values = sum(prod(n.shape) for n in self.graph.nodes.values() if isinstance(n.op, Neurons))
        return estimate(chip.traffic, chip.program.n_neurons, macs, values, -(-chip.program.n_cores // _CORES))

    def currents(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return the currents into the host's neurons, in thresholds: source → ``(samples, *shape)``."""
        driving = evaluate_from(self.graph, feeds, self._drives.values())
        found = {}
        for name, drive in self._drives.items():
            voice = self.voices[name]
            found[name] = np.ascontiguousarray(driving[drive].reshape(-1, *voice.shape) / voice.worth)
        return found

    def _ran(
        self, samples: Sequence[Array], n_steps: int, watch: Collection[str]
    ) -> Iterator[tuple[dict[str, Array], ChipRun]]:
        """Yield the inputs, and what the chip did with them, for some samples at a time."""
        for feeds in fed(self.graph, samples, self._batch_size(n_steps, watch)):
            yield feeds, self.chip.run_batch(self.currents(feeds), n_steps, watch)

    def _batch_size(self, n_steps: int, watch: Collection[str]) -> int:
        """Return how many samples to run at once: their spikes are kept for all steps, and their registers."""
        spikes = sum(prod(self.voices[name].shape) * (1 + (name in self._drives)) for name in {*self._drives, *watch})
        neurons = sum(prod(voice.shape) for voice in self.voices.values())
        each = spikes * (n_steps + self._depth) + _STATE * neurons
        return max(1, min(self._batch, self._memory // max(each, 1)))

    def _operations(self, name: str, counts: Array) -> Array:
        return np.asarray(counts.reshape(len(counts), -1) @ self._synapses[name].reshape(-1), dtype=np.float64)


def _drives_of(graph: Graph, voices: Mapping[str, Voice]) -> dict[str, str]:
    """Return host source → what drives its neurons: the values that they encode, or the current into them."""
    return {n: n if v.encodes else graph.nodes[n].inputs[0] for n, v in voices.items() if not v.on_chip}


def fed(graph: Graph, samples: Sequence[Array], size: int) -> Iterator[dict[str, Array]]:
    """Yield input → values, for some samples at a time."""
    for start in range(0, len(samples[0]), size):
        parts = zip(graph.inputs, samples, strict=True)
        yield {node.name: x[start : start + size].astype(np.float64) for node, x in parts}
