"""A graph deployed on Loihi: scaled and built for each number of steps, run, and read out on the host."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array, Input, Permute, Reshape
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, silent
from ..fan_out import fan_out
from .analog import evaluate_from
from .chip_run import Chip, ChipRun
from .fit import Fit
from .folding import Folding
from .gains import EstimatedGains, MeasuredGains
from .read_out import ReadOut
from .scaling import Gains, Scaled, scale

__all__ = ["LoihiDeployment"]

_CALIBRATION_SAMPLES = 128
_CALIBRATION_BYTES = 256 * 2**20
_BATCH = 32  # samples whose currents are computed together
_KEPT = 4  # built networks: one for each number of steps

_Ranges = Mapping[str, tuple[float, bool]]


class LoihiDeployment(Deployment):
    """A graph that fits on the chip."""

    def __init__(
        self,
        graph: Graph,
        folding: Folding,
        fitted: Fit,
        *,
        target: str,
        calibration: Sequence[Array] | None,
        seed: int,
        n_jobs: int | None = None,
        batch: int = 64,
        memory: int = 2**28,
    ) -> None:
        self._graph, self._folding, self._fit = graph, folding, fitted
        self._target, self._calibration, self._seed = target, calibration, seed
        self._jobs, self._batch, self._memory = n_jobs, batch, memory
        self._read_out = ReadOut.of(graph, [p.name for p in folding.populations.values() if not p.encodes])
        populations = folding.populations.values()
        self._depth = max(p.depth for p in populations)
        # what drives the neurons of the host: the values that they encode, or the current into them
        self._drives = {
            p.name: p.name if p.encodes else graph.nodes[p.name].inputs[0] for p in populations if not p.on_chip
        }
        self._synapses = fan_out(graph)
        self._built: dict[Any, tuple[Mapping[str, Scaled], Chip]] = {}
        self._lost_bits: list[int] = []
        self._overflows: dict[str, int] = {}

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return where each population is and what it uses there, what stays on the host, what cost accuracy."""
        chip = self._fit.fitted
        populations: dict[str, Any] = {}
        for name, population in self._folding.populations.items():
            entry: dict[str, Any] = {"where": "host", "neurons": math.prod(population.shape)}
            if name in chip:
                placement = chip[name].placement
                binding = placement.binding
                entry |= {
                    "where": "chip",
                    "cores": placement.n_cores,
                    "block_shape": list(placement.block_shape),
                    "fullest": {"resource": binding.resource, "used": binding.used, "limit": binding.limit},
                }
            populations[name] = entry
        sources = {source for f in chip.values() for source in f.routes}
        return {
            "target": self._target,
            "cores": self._fit.n_cores,
            "chips": self._fit.n_chips,
            "populations": populations,
            "host": self._host_nodes(),
            "boundary": {
                "host_to_chip": [n for n in populations if n in sources and n not in chip],
                "chip_to_host": [n for n in self._read_out.populations if n in chip],
            },
            "extra_steps": self._depth,
            "gains": "estimated" if self._calibration is None else "measured on calibration samples",
            "warnings": list(self._warnings()),
        }

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
        if not InputCurrents.of(self._graph, samples, n_steps, encoder, first).constant:
            raise UsageError(
                "the loihi backend takes samples as constant currents, received an encoder or a sequence: "
                "run with backend='cpu', or without encoder on samples that do not change"
            )
        record = frozenset(record)
        scaled, _ = self._for(n_steps, self._ranges(samples))
        watch = {*record, *self._read_out.populations}.intersection(self._folding.populations)
        outputs: dict[str, list[Array]] = {name: [] for name in self._graph.outputs}
        events: dict[str, list[Array]] = {name: [] for name in self._folding.populations if name in record}
        counts: dict[str, list[Array]] = {name: [] for name in self._folding.populations}
        operations: list[Array] = []
        for feeds, ran in self._ran(samples, n_steps, watch):
            worths = {name: (scaled[name].worth, scaled[name].offset) for name in self._read_out.populations}
            for name, values in self._read_out.outputs(ran.spikes, worths, feeds).items():
                outputs[name].append(values)
            for name, sent in ran.counts.items():
                counts[name].append(sent.reshape(len(sent), -1).sum(axis=1))
            operations.append(np.sum([self._operations(name, sent) for name, sent in ran.counts.items()], axis=0))
            for name, kept in events.items():
                kept.append(ran.spikes[name].reshape(-1, n_steps, *self._graph.nodes[name].shape))
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
        scaled, _ = self._for(n_steps, self._ranges(samples))
        found: dict[str, list[Array]] = {p.name: [] for p in self._folding.populations.values() if not p.encodes}
        for _, ran in self._ran(samples, n_steps, ()):
            for name, values in found.items():
                means = ran.counts[name] / n_steps * scaled[name].worth + scaled[name].offset
                values.append(means.reshape(-1, *self._graph.nodes[name].shape))
        return {name: np.concatenate(values) for name, values in found.items()}

    def _ran(
        self, samples: Sequence[Array], n_steps: int, watch: Collection[str]
    ) -> Iterator[tuple[dict[str, Array], ChipRun]]:
        """Yield the inputs, and what the chip did with them, for some samples at a time."""
        scaled, chip = self._for(n_steps, self._ranges(samples))
        for feeds, driving in self._batches(samples, self._batch_size(n_steps, watch)):
            currents = {n: self._currents(scaled[n], driving[d]) for n, d in self._drives.items()}
            yield feeds, chip.run_batch(currents, n_steps, watch)
            self._note(chip)

    def _for(self, n_steps: int, ranges: _Ranges) -> tuple[Mapping[str, Scaled], Chip]:
        """Return the network for this number of steps, which thresholds depend on; built when first asked for."""
        from .simulation import Simulation, emulation

        key = (n_steps, *sorted(ranges.items()))
        if key not in self._built:
            scaled = scale(self._folding, self._fit, n_steps, self._gains(n_steps), ranges)
            chip: Chip
            if self._target == "loihi":
                chip = Simulation(scaled, target=self._target, seed=self._seed, n_chips=self._fit.n_chips)
            else:
                chip = emulation(scaled, rounds=self._target == "sim", seed=self._seed, n_jobs=self._jobs)
            self._note(chip)
            if len(self._built) >= _KEPT:
                self._built.pop(next(iter(self._built)))[1].close()
            self._built[key] = scaled, chip
        return self._built[key]

    def _gains(self, n_steps: int) -> Gains:
        if self._calibration is None:
            return EstimatedGains(n_steps)
        populations = self._folding.populations.values()
        each = (n_steps + self._depth) * sum(math.prod(p.shape) for p in populations)
        kept = min(_CALIBRATION_SAMPLES, max(_CALIBRATION_BYTES // each, 1))
        samples = zip(self._graph.inputs, self._calibration, strict=True)
        feeds = {node.name: x[:kept].astype(np.float32) for node, x in samples}
        chip = [p.name for p in populations if p.on_chip]
        found = evaluate_from(self._graph, feeds, [*self._drives.values(), *chip])
        shaped = {p.name: found[self._drives.get(p.name, p.name)].reshape(-1, *p.shape) for p in populations}
        return MeasuredGains(shaped, n_steps, self._depth)

    def _ranges(self, samples: Sequence[Array]) -> _Ranges:
        """Return, for each encoded node, the largest value that its neurons can send, and whether some are negative.

        The range that the conversion saw, where the node only moves input values; else the largest value of these
        samples. It is rounded up to a power of two, so that samples of one kind share a network.
        """
        encoded = [p.name for p in self._folding.populations.values() if p.encodes]
        largest, lowest = dict.fromkeys(encoded, 0.0), dict.fromkeys(encoded, 0.0)
        for _, driving in self._batches(samples, _BATCH) if encoded else ():
            for name in encoded:
                largest[name] = max(largest[name], float(np.abs(driving[name]).max(initial=0.0)))
                lowest[name] = min(lowest[name], float(driving[name].min(initial=0.0)))
        for name in encoded:
            if (known := self._input_range(name)) is not None:
                lowest[name], largest[name] = known[0], max(abs(known[0]), abs(known[1]))
        return {n: (2.0 ** math.ceil(math.log2(x)) if x > 0 else 1.0, lowest[n] < 0) for n, x in largest.items()}

    def _input_range(self, name: str) -> tuple[float, float] | None:
        """Return the range of the input whose values this node only moves, as calibration saw it."""
        node = self._graph.nodes[name]
        while isinstance(node.op, (Reshape, Permute)):
            node = self._graph.input_of(node)
        if isinstance(node.op, Input) and node.op.low is not None and node.op.high is not None:
            return node.op.low, node.op.high
        return None

    def _batches(self, samples: Sequence[Array], size: int) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
        """Yield the inputs, and what drives the host's neurons, for some samples at a time."""
        for start in range(0, len(samples[0]), size):
            parts = zip(self._graph.inputs, samples, strict=True)
            feeds = {node.name: x[start : start + size].astype(np.float64) for node, x in parts}
            yield feeds, evaluate_from(self._graph, feeds, self._drives.values())

    def _batch_size(self, n_steps: int, watch: Collection[str]) -> int:
        """Return how many samples to run at once: their spikes are kept for all steps."""
        shapes = {name: math.prod(p.shape) for name, p in self._folding.populations.items()}
        each = sum((2 if name in self._drives else 1) * shapes[name] for name in {*self._drives, *watch})
        return max(1, min(self._batch, self._memory // max(each * (n_steps + self._depth), 1)))

    def _currents(self, scaled: Scaled, driving: Array) -> Array:
        return np.ascontiguousarray(driving.reshape(-1, *scaled.population.shape) / scaled.worth)

    def _operations(self, name: str, counts: Array) -> Array:
        return np.asarray(counts.reshape(len(counts), -1) @ self._synapses[name].reshape(-1), dtype=np.float64)

    def _host_nodes(self) -> list[str]:
        """Return the nodes that the host computes with real values, beside its neurons."""
        found: set[str] = set(self._read_out.nodes)
        stack = list(self._drives.values())
        while stack:
            name = stack.pop()
            found.add(name)
            stack.extend(self._graph.nodes[name].inputs)
        return [name for name in self._graph.nodes if name in found]

    def _note(self, chip: Chip) -> None:
        """Take over what happened since the last time."""
        self._lost_bits += chip.happenings.lost_bits
        for register, steps in chip.happenings.overflows.items():
            self._overflows[register] = self._overflows.get(register, 0) + steps
        chip.happenings.lost_bits.clear()
        chip.happenings.overflows.clear()

    def _warnings(self) -> Iterator[str]:
        if self._calibration is None and self._depth > 2:
            yield f"{self._depth} layers on the chip without calibration samples: expect a loss of accuracy"
        if self._fit.n_chips > 1:
            yield f"{self._fit.n_cores:,} cores take {self._fit.n_chips} chips"
        if self._lost_bits:
            yield (
                "connections whose weights keep fewer than 8 bits, since others on the core are larger: "
                f"{len(self._lost_bits)}, by up to {max(self._lost_bits)} bits"
            )
        for register, steps in self._overflows.items():
            yield f"the register {register} overflowed in {steps:,} steps: too many spikes reached a neuron at once"
