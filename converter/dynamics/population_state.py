"""What a population remembers between runs of some steps, for a batch of samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..ops import Array, Neurons, Shape

__all__ = ["PopulationState"]


@dataclass(eq=False, kw_only=True)
class PopulationState:
    """The neurons of a population after some steps; `fire` changes it in place.

    Attributes
    ----------
    values
        The voltage in thresholds and the sum of the events, and for variants of the neuron what is left of the
        refractory period and the adaptation (`NeuronState`): ``(samples, 2 or 4, neurons)`` float64.
    extremes
        Where these are watched: the lowest voltage after a step with an event, and the highest after a step that could
        have had one event more, in thresholds, infinite where there was no such step: ``(samples, 2, neurons)``
        float64.
    silent
        Neurons that send nothing whatever they receive: ``(samples, neurons)`` bool.
    steps
        How many steps were done.
    """

    values: Array
    extremes: Array | None = None
    silent: Array | None = None
    steps: int = 0

    @classmethod
    def start(cls, op: Neurons, shape: Shape, samples: int) -> PopulationState:
        """Return the state before the first step."""
        voltage = op.voltage_of(shape)
        values = np.zeros((samples, 2 if op.plain else 4, len(voltage)))
        values[:, 0] = voltage
        return cls(values=values)

    def watched(self) -> PopulationState:
        """Return a copy that keeps the extremes of the voltage from now on; for plain neurons only."""
        extremes = np.empty_like(self.values)
        extremes[:, 0], extremes[:, 1] = np.inf, -np.inf
        return replace(self, values=self.values.copy(), extremes=extremes)

    def keep(self, places: Array) -> None:
        """Forget all samples but those at these places."""
        self.values = self.values[places]
        self.extremes = None if self.extremes is None else self.extremes[places]
        self.silent = None if self.silent is None else self.silent[places]
