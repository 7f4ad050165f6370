"""What the host sends to the chip: spikes of its neurons, and those of the clock. Nothing here imports Nengo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...converter.ops import Array
from .emulator.encoding import encode

__all__ = ["Arrival", "arriving", "spikes_of"]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One set of axons from the host to the chip, which one connection makes.

    Attributes
    ----------
    source
        The host's neurons, by the name of their population; "" for the clock.
    sign
        −1 for the set of an encoder that negative values drive.
    clock
        In how many steps from the first each neuron of the clock spikes.
    size
        How many axons there are.
    """

    source: str = ""
    sign: int = 1
    clock: tuple[int, ...] = ()
    size: int

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells the spikes apart: several populations may hear the same ones."""
        return self.source, self.sign


def spikes_of(arrivals: Sequence[Arrival], currents: Mapping[str, Array], n_steps: int, width: int) -> Array:
    """Return the spikes as they reach the chip, one step after they were sent: ``(samples, steps, width)`` uint8.

    Parameters
    ----------
    arrivals
        In the order of the chip's inputs.
    currents
        Host source → ``(samples, …)``, in thresholds a step.
    width
        How many inputs there is room for.
    """
    samples = len(next(iter(currents.values())))
    flags = np.zeros((samples, n_steps, width), np.uint8)
    first: dict[tuple[str, int], slice] = {}
    start = 0
    for arrival in arrivals:
        place = slice(start, start + arrival.size)
        start += arrival.size
        if arrival.clock:
            _ring(arrival, flags, place)
        elif (known := first.setdefault(arrival.key, place)) is not place:
            flags[:, :, place] = flags[:, :, known]
        else:
            encode(currents[arrival.source].reshape(samples, -1), float(arrival.sign), flags, place.start)
    return flags


def arriving(arrivals: Sequence[Arrival], sent: Mapping[str, Array], n_steps: int, width: int) -> Array:
    """Return spikes that were sent as they reach the chip: as `spikes_of`.

    Parameters
    ----------
    sent
        Host source → ``(samples, steps, neurons)``, 0 or 1, from the first step on.
    """
    flags = np.zeros((len(next(iter(sent.values()))), n_steps, width), np.uint8)
    start = 0
    for arrival in arrivals:
        place = slice(start, start + arrival.size)
        start += arrival.size
        if arrival.clock:
            _ring(arrival, flags, place)
        else:
            spikes = sent[arrival.source][:, : n_steps - 1]
            flags[:, 1 : 1 + spikes.shape[1], place] = spikes
    return flags


def _ring(arrival: Arrival, flags: Array, place: slice) -> None:
    """Let the neurons of the clock spike from the first step on."""
    for neuron, steps in enumerate(arrival.clock):
        flags[:, 1 : 1 + steps, place.start + neuron] = 1
