"""A network on the emulator or on hardware: built once, then clean for each sample. It imports nengo-loihi."""

from __future__ import annotations

import re
import warnings
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...converter.ops import Array
from ...errors import BackendError
from .chip_run import ChipRun, Happenings
from .compatibility import import_nengo_loihi
from .emulation import Emulation
from .emulator.reading import Layout, program_of
from .network import DT, LoihiNetwork, build_network
from .scaling import Scaled, ScaledHost, ScaledPopulation, voices_of

__all__ = ["Simulation", "emulation"]

_LOST_BITS = re.compile(r"Lost (\d+) extra bits in weight rounding")
_OVERFLOW = re.compile(r"Overflow in (\w+)")


class Simulation:
    """Scaled populations, running.

    Parameters
    ----------
    target
        "sim": the emulator; "simreal": the same without rounding; "loihi": hardware.
    precompute, hardware_options
        Of ``nengo_loihi.Simulator``, for hardware.
    """

    def __init__(
        self,
        scaled: Mapping[str, Scaled],
        *,
        target: str = "sim",
        seed: int = 0,
        precompute: bool | None = None,
        hardware_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._nengo_loihi = import_nengo_loihi()
        self._scaled, self._target, self._seed = scaled, target, seed
        self._precompute, self._hardware_options = precompute, dict(hardware_options or {})
        self.happenings = Happenings()
        self._network: LoihiNetwork = build_network(scaled, seed)
        self._fresh = True
        self._open: list[Any] = []
        weakref.finalize(self, _close_all, self._open)  # nengo-loihi warns of simulators that nobody closed
        self._simulator = self._built()

    def run(self, currents: Mapping[str, Array], n_steps: int) -> dict[str, Array]:
        """Run one sample from a clean state.

        Parameters
        ----------
        currents
            Host source → the current into its neurons, in thresholds a step.

        Returns
        -------
        spikes
            Population → ``(steps, *shape)`` int8; −1 for the negative set of an encoder.
        """
        if not self._fresh:
            self._reset()
        self._fresh = False
        for name, current in currents.items():
            self._network.currents[name] = np.asarray(current, dtype=np.float64).reshape(-1)
        with self._watched("run"):
            self._simulator.run_steps(n_steps)
        return {name: self._spikes(name, scaled) for name, scaled in self._scaled.items()}

    def run_batch(self, currents: Mapping[str, Array], n_steps: int, watch: Collection[str]) -> ChipRun:
        """Run samples one after another."""
        voices = voices_of(self._scaled)
        total = n_steps + max(v.depth for v in voices.values())
        spikes: dict[str, list[Array]] = {name: [] for name in watch}
        counts: dict[str, list[Array]] = {name: [] for name in voices}
        for sample in range(len(next(iter(currents.values())))):
            sent = self.run({name: current[sample] for name, current in currents.items()}, total)
            for name, voice in voices.items():
                window = sent[name][voice.depth : voice.depth + n_steps]
                counts[name].append(np.abs(window).sum(axis=0, dtype=np.int64))
                if name in spikes:
                    spikes[name].append(window)
        return ChipRun(
            spikes={name: np.stack(each) for name, each in spikes.items()},
            counts={name: np.stack(each) for name, each in counts.items()},
        )

    def emulated(self, n_jobs: int | None = None) -> Emulation:
        """Return the compiled twin of what nengo-loihi built for its emulator."""
        placements = {n: s.fitted.placement for n, s in self._scaled.items() if isinstance(s, ScaledPopulation)}
        layouts = {
            name: Layout(blocks=blocks, shape=placements[name].shape, block_shape=placements[name].block_shape)
            for name, blocks in self.blocks.items()
        }
        arrivals = self._network.arrivals
        model = self._simulator.model
        expected, found = [a.size for a in arrivals], [source.n_neurons for source in model.inputs]
        if expected != found:
            raise BackendError(f"expected nengo-loihi to make inputs of {expected} axons, received {found}")
        names = [f"{number} {a.source or 'clock'}" for number, a in enumerate(arrivals)]
        emulation = Emulation(program_of(model, layouts, names), arrivals, voices_of(self._scaled), n_jobs=n_jobs)
        emulation.happenings.lost_bits += self.happenings.lost_bits
        return emulation

    @property
    def blocks(self) -> Mapping[str, tuple[Any, ...]]:
        """Return the blocks that nengo-loihi made of each population of the chip: one for each core."""
        objects = self._simulator.model.objs
        chip = (name for name, s in self._scaled.items() if isinstance(s, ScaledPopulation))
        return {name: tuple(objects[self._network.ensembles[name][0]]["in"]) for name in chip}

    def close(self) -> None:
        """Free what the simulator holds."""
        _close_all(self._open)

    def _spikes(self, name: str, scaled: Scaled) -> Array:
        sets = [np.asarray(self._simulator.data[p]) > 0 for p in self._network.probes[name]]
        spikes = sets[0].astype(np.int8)
        if isinstance(scaled, ScaledHost) and scaled.signed:
            spikes -= sets[1]
        return spikes.reshape(len(spikes), *scaled.population.shape)

    def _built(self) -> Any:
        with self._watched("build"):
            simulator = self._nengo_loihi.Simulator(
                self._network.network,
                dt=DT,
                target=self._target,
                seed=self._seed,
                progress_bar=False,
                precompute=self._precompute,
                hardware_options=self._hardware_options,
            )
        self._open.append(simulator)
        return simulator

    def _reset(self) -> None:
        """Return to the state before the first step; nengo-loihi's own ``reset`` is not implemented."""
        if self._target == "loihi":
            self.close()
            self._simulator = self._built()
            return
        simulator = self._simulator
        simulator.clear_probes()
        for source in simulator.model.inputs:  # spikes of the last step, which were never delivered
            for step in [step for step in source.spikes if step not in source.permanent]:
                del source.spikes[step]
        for name in ("host_pre", "host"):
            if name in simulator.sims:
                simulator.sims[name].reset()
        emulator = simulator.sims["emulator"]
        with np.errstate(invalid="ignore"):  # it fills integers with NaN before it sets them
            simulator.sims["emulator"] = type(emulator)(simulator.model, seed=emulator.seed)
        # a new one: it finds the queues of the host's new step functions, and the new emulator
        simulator._runner = type(simulator._runner)(
            simulator.model, simulator.sims, simulator.precompute, simulator.timers
        )
        simulator._n_steps = 0
        simulator._time = 0

    @contextmanager
    def _watched(self, doing: str) -> Iterator[None]:
        """Turn what nengo-loihi raises into one sentence, and take note of what it warns of."""
        with warnings.catch_warnings(record=True) as caught, np.errstate(invalid="ignore"):
            warnings.simplefilter("always")
            try:
                yield
            except Exception as error:
                raise BackendError(self._sentence(doing, error)) from error
        for warning in caught:
            self._note(warning)

    def _note(self, warning: warnings.WarningMessage) -> None:
        text = str(warning.message)
        if lost := _LOST_BITS.search(text):
            self.happenings.lost_bits.append(int(lost[1]))
        elif overflow := _OVERFLOW.search(text):
            self.happenings.overflows[overflow[1]] = self.happenings.overflows.get(overflow[1], 0) + 1
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)

    def _sentence(self, doing: str, error: Exception) -> str:
        said = " ".join(str(error).split()) or type(error).__name__
        chip = {n: s for n, s in self._scaled.items() if isinstance(s, ScaledPopulation)}
        named = [name for name in chip if name in said]
        # without a name, it is a threshold that is nothing beside the largest weight
        name = named[0] if named else max(chip, key=lambda n: chip[n].largest)
        return (
            f"{name}: nengo-loihi could not {doing} it ({said}); its largest weight is {chip[name].largest:.3g} "
            "thresholds. Calibrate with samples like those to come, make the layer smaller, or use backend='cpu'"
        )


def emulation(
    scaled: Mapping[str, Scaled], *, rounds: bool = True, seed: int = 0, n_jobs: int | None = None
) -> Emulation:
    """Let nengo-loihi build and (with ``rounds``) discretise the populations, and return their compiled twin."""
    simulation = Simulation(scaled, target="sim" if rounds else "simreal", seed=seed)
    try:
        return simulation.emulated(n_jobs)
    finally:
        simulation.close()


def _close_all(simulators: list[Any]) -> None:
    while simulators:
        simulators.pop().close()
