"""A network that was trained on spikes, on the chip: the host's layers step by step, the chip, the host's read-out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from ...converter.dynamics import Signal
from ...converter.ops import Array
from ...encoders import EncoderChoice, InputCurrents
from ...errors import BackendError, UsageError
from ..contract import OnProgress, RunResult, silent
from ..fan_out import fan_out
from ..joining import joined
from .deployment import LoihiDeployment
from .emulation import Emulation
from .encoded_ranges import Ranges
from .energy import Estimate
from .over_time import signals_from
from .scaling import Scaled, ScaledPopulation
from .trained_scaling import scale_trained

__all__ = ["TrainedDeployment"]


class TrainedDeployment(LoihiDeployment):
    """Layers that real values drive, and all behind the last population, run on the host as in the cpu backend."""

    _fits_gains = False

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
        """Run samples or sequences: the chip's layers one step later each, which is taken out of what is returned."""
        chip = self._for(n_steps, {}).presentation.chip
        if not isinstance(chip, Emulation):
            raise TypeError("expected an emulated chip")
        record = tuple(record)
        inputs = InputCurrents.of(self._graph, samples, n_steps, encoder, first)
        parts: list[RunResult] = []
        for start in range(0, len(inputs), self._batch):
            stop = min(start + self._batch, len(inputs))
            currents, entered = inputs.batch(start, stop)
            known = {name: Signal(np.asarray(x, np.float64), len(x) == 1) for name, x in currents.items()}
            parts.append(self._part(chip, known, n_steps, record, entered))
            on_progress(stop - start)
        self._note(chip)
        return joined(parts)

    def _part(
        self,
        chip: Emulation,
        known: Mapping[str, Signal],
        n_steps: int,
        record: Sequence[str],
        entered: Array | None,
    ) -> RunResult:
        graph, populations = self._graph, self._folding.populations
        host = [name for name, population in populations.items() if not population.on_chip]
        heights = {name: np.broadcast_to(chip.voices[name].worth, graph.nodes[name].shape) for name in populations}
        before = signals_from(graph, known, host, n_steps)
        spikes = {name: np.rint(before[name].over(n_steps) / heights[name]).astype(np.int8) for name in host}
        watch = [name for name in populations if name not in host]
        flat = {name: sent.swapaxes(0, 1).reshape(sent.shape[1], n_steps, -1) for name, sent in spikes.items()}
        for name, sent in chip.run_sent(flat, n_steps, watch).spikes.items():
            spikes[name] = sent.reshape(-1, n_steps, *graph.nodes[name].shape).swapaxes(0, 1)
        heard = {name: Signal(spikes[name] * heights[name], False) for name in self._read_out.populations}
        read = signals_from(graph, {**known, **heard}, graph.outputs.values(), n_steps)
        counts = {name: sent.sum(axis=0, dtype=np.int64).reshape(sent.shape[1], -1) for name, sent in spikes.items()}
        return RunResult(
            outputs_over_time={
                name: read[place].values.swapaxes(0, 1).astype(np.float32) for name, place in graph.outputs.items()
            },
            spike_counts={name: count.sum(axis=1) for name, count in counts.items()},
            synaptic_operations=np.sum([counts[n] @ self._synapses[n].reshape(-1) for n in counts], axis=0),
            events={name: spikes[name].swapaxes(0, 1) for name in record},
            n_steps=n_steps,
            input_events=entered,
        )

    @cached_property
    def _synapses(self) -> Mapping[str, Array]:
        return fan_out(self._graph)

    def rates(self, samples: Sequence[Array], n_steps: int) -> dict[str, Array]:
        """Refuse: it has none."""
        raise UsageError("expected a converted network, received one that was trained on spikes: it has no rates")

    def estimate(self, n_steps: int) -> Estimate:
        """Refuse: its read-out has no count of multiplications to stand beside."""
        raise UsageError("expected a converted network for an estimate, received one that was trained on spikes")

    def save(self, path: str | Path, n_steps: int) -> None:
        """Refuse: a chip file presents constant samples."""
        raise UsageError(f"{path}: expected a converted network to save, received one that was trained on spikes")

    def _scaled(self, n_steps: int, ranges: Ranges) -> Mapping[str, Scaled]:
        scaled = scale_trained(self._graph, self._folding, self._fit)
        for name, population in scaled.items():
            if isinstance(population, ScaledPopulation) and population.bias.max(initial=0.0) > 1:
                raise BackendError(
                    f"the network does not go on Loihi: {name}: a bias of {population.bias.max():.3g} thresholds makes "
                    "it fire before a sample comes: train with a constraint on the bias, or run with backend='cpu'"
                )
        return self._in_numbers(scaled)
