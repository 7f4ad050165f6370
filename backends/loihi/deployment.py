"""A graph deployed on Loihi: scaled and built for each number of steps, run sample by sample, read out on the host."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array, Input, Permute, Reshape
from ...encoders import EncoderChoice, InputCurrents
from ...errors import UsageError
from ..contract import Deployment, OnProgress, RunResult, silent
from ..fan_out import fan_out
from .analog import evaluate_from
from .fit import Fit
from .folding import Folding
from .gains import EstimatedGains, MeasuredGains
from .scaling import Gains, Scaled, scale

if TYPE_CHECKING:
    from .simulation import Simulation

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
    ) -> None:
        self._graph, self._folding, self._fit = graph, folding, fitted
        self._target, self._calibration, self._seed = target, calibration, seed
        populations = folding.populations.values()
        self._depth = max(p.depth for p in populations)
        # what drives the neurons of the host: the values that they encode, or the current into them
        self._drives = {
            p.name: p.name if p.encodes else graph.nodes[p.name].inputs[0] for p in populations if not p.on_chip
        }
        self._synapses = fan_out(graph)
        self._built: dict[Any, tuple[Mapping[str, Scaled], Simulation]] = {}
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
                "chip_to_host": [n for n in self._read_out()[1] if n in chip],
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
        """Run the samples one after another, each from a clean state.

        The network runs for a few steps more than ``n_steps``: spikes take a step from layer to layer, and each
        population is read from the step on at which a sample reaches it. Nothing is random, so ``first`` has no effect.
        """
        if not InputCurrents.of(self._graph, samples, n_steps, encoder, first).constant:
            raise UsageError(
                "the loihi backend takes samples as constant currents, received an encoder or a sequence: "
                "run with backend='cpu', or without encoder on samples that do not change"
            )
        record = frozenset(record)
        scaled, simulation = self._for(n_steps, self._ranges(samples))
        outputs: dict[str, list[Array]] = {name: [] for name in self._graph.outputs}
        events: dict[str, list[Array]] = {name: [] for name in self._folding.populations if name in record}
        counts: dict[str, list[int]] = {name: [] for name in self._folding.populations}
        operations: list[float] = []
        for feeds, driving in self._batches(samples):
            for sample in range(len(next(iter(feeds.values())))):
                currents = {n: self._current(scaled[n], driving[d][sample]) for n, d in self._drives.items()}
                spikes = simulation.run(currents, n_steps + self._depth)
                sent = {n: self._window(n, spikes[n], n_steps) for n in spikes}
                for name, value in self._outputs(scaled, sent, {n: x[sample] for n, x in feeds.items()}).items():
                    outputs[name].append(value.astype(np.float32))
                for name, fired in sent.items():
                    counts[name].append(int(np.count_nonzero(fired)))
                operations.append(sum(self._operations(name, fired) for name, fired in sent.items()))
                for name, kept in events.items():
                    kept.append(sent[name])
                on_progress(1)
        self._note(simulation)
        return RunResult(
            outputs_over_time={name: np.stack(values) for name, values in outputs.items()},
            spike_counts={name: np.array(values) for name, values in counts.items()},
            synaptic_operations=np.array(operations),
            events={name: np.stack(values) for name, values in events.items()},
            n_steps=n_steps,
        )

    def _for(self, n_steps: int, ranges: _Ranges) -> tuple[Mapping[str, Scaled], Simulation]:
        """Return the network for this number of steps, which thresholds depend on; built when first asked for."""
        from .simulation import Simulation

        key = (n_steps, *sorted(ranges.items()))
        if key not in self._built:
            scaled = scale(self._folding, self._fit, n_steps, self._gains(n_steps), ranges)
            simulation = Simulation(scaled, target=self._target, seed=self._seed, n_chips=self._fit.n_chips)
            self._note(simulation)
            if len(self._built) >= _KEPT:
                self._built.pop(next(iter(self._built)))[1].close()
            self._built[key] = scaled, simulation
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
        for _, driving in self._batches(samples) if encoded else ():
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

    def _batches(self, samples: Sequence[Array]) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
        """Yield the inputs, and what drives the host's neurons, for some samples at a time."""
        for start in range(0, len(samples[0]), _BATCH):
            parts = zip(self._graph.inputs, samples, strict=True)
            feeds = {node.name: x[start : start + _BATCH].astype(np.float64) for node, x in parts}
            yield feeds, evaluate_from(self._graph, feeds, self._drives.values())

    def _current(self, scaled: Scaled, driving: Array) -> Array:
        return np.asarray(driving.reshape(scaled.population.shape) / scaled.worth)

    def _window(self, name: str, spikes: Array, n_steps: int) -> Array:
        """Return the spikes of the steps in which the population answers the sample, in the shape of its node."""
        depth = self._folding.populations[name].depth
        return spikes[depth : depth + n_steps].reshape(n_steps, *self._graph.nodes[name].shape)

    def _operations(self, name: str, spikes: Array) -> float:
        return float(np.abs(spikes).sum(axis=0).reshape(-1) @ self._synapses[name].reshape(-1))

    def _outputs(
        self, scaled: Mapping[str, Scaled], sent: Mapping[str, Array], feeds: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Return the read-out of one sample at each step: what the graph makes of the mean of the spikes so far."""
        known: dict[str, Array] = {}
        for name in self._read_out()[1]:
            spikes = sent[name]
            steps = np.arange(1, len(spikes) + 1).reshape(-1, *(1,) * (spikes.ndim - 1))
            known[name] = np.cumsum(spikes, axis=0, dtype=np.float64) / steps * scaled[name].worth + scaled[name].offset
            n_steps = len(spikes)
        known |= {name: np.broadcast_to(x, (n_steps, *x.shape)) for name, x in feeds.items()}
        values = evaluate_from(self._graph, known, self._graph.outputs.values())
        return {name: values[place] for name, place in self._graph.outputs.items()}

    def _read_out(self) -> tuple[list[str], list[str]]:
        """Return the nodes between the last populations and the outputs, and those populations."""
        populations = {p.name for p in self._folding.populations.values() if not p.encodes}
        found: set[str] = set()
        stack = list(self._graph.outputs.values())
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack.extend(() if name in populations else self._graph.nodes[name].inputs)
        order = [name for name in self._graph.nodes if name in found]
        return [n for n in order if n not in populations], [n for n in order if n in populations]

    def _host_nodes(self) -> list[str]:
        """Return the nodes that the host computes with real values, beside its neurons."""
        found: set[str] = set(self._read_out()[0])
        stack = list(self._drives.values())
        while stack:
            name = stack.pop()
            found.add(name)
            stack.extend(self._graph.nodes[name].inputs)
        return [name for name in self._graph.nodes if name in found]

    def _note(self, simulation: Simulation) -> None:
        """Take over what happened since the last time."""
        self._lost_bits += simulation.happenings.lost_bits
        for register, steps in simulation.happenings.overflows.items():
            self._overflows[register] = self._overflows.get(register, 0) + steps
        simulation.happenings.lost_bits.clear()
        simulation.happenings.overflows.clear()

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
