"""A graph deployed on Loihi: scaled and built for each number of steps, run, and read out on the host."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array
from ...encoders import EncoderChoice
from ...errors import BackendError, UsageError
from ..contract import Deployment, OnProgress, RunResult, silent
from .analog import evaluate_from
from .chip_file import save_presentation
from .chip_run import Chip
from .emulation import Emulation
from .encoded_ranges import Ranges, encoded_ranges, input_range
from .energy import Estimate
from .fit import Fit
from .folding import Folding
from .gains import EstimatedGains, MeasuredGains
from .hardware import hardware_options as options_for
from .presentation import Presentation
from .quantisation import quantise, why_not_in_numbers
from .read_out import ReadOut
from .scaling import Gains, Scaled, ScaledPopulation, scale, voices_of

__all__ = ["LoihiDeployment"]

_CALIBRATION_SAMPLES = 128
_CALIBRATION_BYTES = 256 * 2**20
_COUNTED = 32  # samples whose spikes are counted for the limits of hardware
_KEPT = 4  # built networks: one for each number of steps

_REMEDY = "Calibrate with samples like those to come, make the layer smaller, or use backend='cpu'"


class _Built(NamedTuple):
    """A network for one number of steps."""

    scaled: Mapping[str, Scaled]
    presentation: Presentation


class LoihiDeployment(Deployment):
    """A graph that fits on the chip."""

    _fits_gains = True

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
        precompute: bool = True,
        hardware_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._graph, self._folding, self._fit = graph, folding, fitted
        self._target, self._calibration, self._seed = target, calibration, seed
        self._precompute, self._hardware_options = precompute, dict(hardware_options or {})
        self._jobs, self._batch, self._memory = n_jobs, batch, memory
        self._read_out = ReadOut.of(graph, [p.name for p in folding.populations.values() if not p.encodes])
        populations = folding.populations.values()
        self._encoded = [p.name for p in populations if p.encodes]
        self._depth = max(p.depth for p in populations)
        # what drives the neurons of the host: the values that they encode, or the current into them
        self._drives = {
            p.name: p.name if p.encodes else graph.nodes[p.name].inputs[0] for p in populations if not p.on_chip
        }
        self._built: dict[Any, _Built] = {}
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
                **self._crossing(),
            },
            "extra_steps": self._depth,
            "weight_signal_to_noise_db": self._signal_to_noise(),
            "gains": self._how_gains_came(),
            "warnings": list(self._warnings()),
        }

    @property
    def placement(self) -> list[dict[str, Any]]:
        """Return, for each population on the chip, its cores and how much the fullest of them uses of each resource."""
        return [
            {
                "layer": name,
                "neurons": math.prod(f.population.shape),
                "cores": f.placement.n_cores,
                "block_shape": list(f.placement.block_shape),
                "uses": {use.resource: {"used": use.used, "limit": use.limit} for use in f.placement.uses},
            }
            for name, f in self._fit.fitted.items()
        ]

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
        presentation = self._for(n_steps, self._ranges(samples)).presentation
        result = presentation.run(
            samples, n_steps, encoder=encoder, first=first, record=record, on_progress=on_progress
        )
        self._note(presentation.chip)
        return result

    def scaled(self, samples: Sequence[Array], n_steps: int) -> Mapping[str, Scaled]:
        """Return the populations in units of their thresholds, as the chip has them before rounding.

        Parameters
        ----------
        samples
            Their range is that of the values which the host encodes, where it encodes values.

        Raises
        ------
        BackendError
            Where the chip's registers do not hold them.
        """
        return self._scaled(n_steps, self._ranges(samples))

    def rates(self, samples: Sequence[Array], n_steps: int) -> dict[str, Array]:
        """Return what the spikes of each ReLU stand for: population → ``(samples, *shape)``, in activation units."""
        return self._for(n_steps, self._ranges(samples)).presentation.rates(samples, n_steps)

    def estimate(self, n_steps: int) -> Estimate:
        """Return what a sample costs in energy and time, from the samples that were run for so many steps.

        Raises
        ------
        UsageError
            Before such a run, or on hardware.
        """
        built = [b.presentation for key, b in self._built.items() if key[0] == n_steps]
        if not built:
            raise UsageError(f"expected samples that were run for {n_steps} steps before an estimate")
        return built[-1].estimate()

    def save(self, path: str | Path, n_steps: int) -> None:
        """Write what the chip runs to one HDF5 file, at once or not at all: `load_chip` reads it.

        Parameters
        ----------
        n_steps
            For how many steps samples will be presented; thresholds depend on it.

        Raises
        ------
        UsageError
            Where values are encoded whose range is not known, or without target="sim".
        """
        if self._target != "sim":
            raise UsageError(f"expected a deployment with target='sim' to save, received target={self._target!r}")
        if self._calibration is None and any(input_range(self._graph, name) is None for name in self._encoded):
            raise UsageError("expected calibration samples, which tell the range of the values that the host encodes")
        samples = self._calibration or [np.zeros((1, *node.shape), np.float32) for node in self._graph.inputs]
        presentation = self._for(n_steps, self._ranges(samples)).presentation
        save_presentation(Path(path), presentation, n_steps, self.facts)

    def _for(self, n_steps: int, ranges: Ranges) -> _Built:
        """Return the network for this number of steps, which thresholds depend on; built when first asked for."""
        from .simulation import Simulation, emulation

        key = (n_steps, *sorted(ranges.items()))
        if key not in self._built:
            scaled = self._scaled(n_steps, ranges)
            chip: Chip
            if self._target == "loihi":
                chip = Simulation(
                    scaled,
                    target=self._target,
                    seed=self._seed,
                    precompute=self._precompute,
                    hardware_options=self._options_of_hardware(scaled, n_steps),
                )
            else:
                chip = emulation(scaled, rounds=self._target == "sim", seed=self._seed, n_jobs=self._jobs)
            self._note(chip)
            if len(self._built) >= _KEPT:
                self._built.pop(next(iter(self._built))).presentation.chip.close()
            presentation = Presentation(self._graph, voices_of(scaled), chip, batch=self._batch, memory=self._memory)
            self._built[key] = _Built(scaled, presentation)
        return self._built[key]

    def _scaled(self, n_steps: int, ranges: Ranges) -> Mapping[str, Scaled]:
        return self._in_numbers(scale(self._folding, self._fit, n_steps, self._gains(n_steps), ranges))

    def _in_numbers(self, scaled: Mapping[str, Scaled]) -> Mapping[str, Scaled]:
        """Return the populations if the chip's registers hold them."""
        if misfits := why_not_in_numbers(scaled):
            reasons = "; ".join(f"{name}: {why}" for name, why in misfits.items())
            raise BackendError(f"the network does not go on Loihi: {reasons}. {_REMEDY}")
        return scaled

    def _options_of_hardware(self, scaled: Mapping[str, Scaled], n_steps: int) -> dict[str, Any]:
        currents = None
        if self._calibration is not None:
            feeds = {node.name: x[:_COUNTED] for node, x in zip(self._graph.inputs, self._calibration, strict=True)}
            driving = evaluate_from(self._graph, feeds, self._drives.values())
            currents = {
                name: driving[drive].reshape(-1, *scaled[name].population.shape) / scaled[name].worth
                for name, drive in self._drives.items()
            }
        return options_for(scaled, currents, n_steps, self._fit.n_chips, self._hardware_options)

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

    def _ranges(self, samples: Sequence[Array]) -> Ranges:
        return encoded_ranges(self._graph, self._encoded, samples)

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

    def _crossing(self) -> dict[str, float]:
        """Return how many spikes went from the host to the chip in a step, as emulated last; nothing before."""
        chips = [built.presentation.chip for built in reversed(self._built.values())]
        traffic = next((c.traffic for c in chips if isinstance(c, Emulation) and c.traffic.steps), None)
        if traffic is None:
            return {}
        mean = round(traffic.inputs / traffic.steps, 1)
        return {"spikes_of_a_step": mean, "spikes_of_a_step_at_most": traffic.most_inputs}

    def _signal_to_noise(self) -> dict[str, float]:
        """Return population → its weights beside their rounding errors, as built last; nothing before."""
        if not self._built:
            return {}
        scaled = next(reversed(self._built.values())).scaled
        chip = {name: s for name, s in scaled.items() if isinstance(s, ScaledPopulation)}
        return {name: round(quantise(s).signal_to_noise, 1) for name, s in chip.items()}

    def _how_gains_came(self) -> str:
        if not self._fits_gains:
            return "none: trained thresholds"
        return "estimated" if self._calibration is None else "measured on calibration samples"

    def _warnings(self) -> Iterator[str]:
        if self._fits_gains and self._calibration is None and self._depth > 2:
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
