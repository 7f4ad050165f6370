"""Events: what a population sent, as numbers for each neuron or as lists, whichever its readers take."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ....converter.dynamics import Signal
from ....converter.ops import Array, Shape
from .event_lists import CHUNK, EventLists, Source, as_rows, list_events, padded_channels
from .workspace import Workspace

__all__ = ["Events", "room_for_lists"]


@dataclass(eq=False, kw_only=True)
class Events:
    """The events of a population in some steps.

    Attributes
    ----------
    name, way
        Of the population, and how it was run: "integers", "dense", "phase" (constant currents) or "float64" in the
        engine, or "kernel" for those of `converter.dynamics`.
    steps, samples, shape
        How many steps and samples, and the shape of a sample.
    height
        θ, which a single event is worth, for each channel or for all: float64.
    numbers
        n of each neuron: ``(steps, samples, *shape)`` int8, where they are at hand.
    listed
        The same as lists, where they are at hand.
    """

    name: str
    way: str = "kernel"
    steps: int
    samples: int
    shape: Shape
    height: Array
    numbers: Array | None = None
    listed: Source | None = None

    def source(self, workspace: Workspace) -> Source:
        """Return the events as lists, in memory of the workspace."""
        if self.listed is None:
            rows, columns, channels = as_rows(self.shape)
            made = room_for_lists(workspace, self.shape, self.steps, self.samples)
            flat = self.dense().reshape(self.steps, self.samples, -1)
            list_events(flat, rows, columns, channels, padded_channels(channels), made)
            self.listed = Source(made, made, False)
        return self.listed

    def release(self, workspace: Workspace) -> None:
        """Give the memory of the lists back: no one reads the events any more."""
        if self.listed is not None:
            workspace.give_back(*self.listed.lists)
            if self.listed.steadies:
                workspace.give_back(*self.listed.steady)
            self.listed = None

    def dense(self) -> Array:
        """Return the events of each neuron, ``(steps, samples, *shape)`` int8."""
        if self.numbers is None:
            raise ValueError(f"{self.name}: expected its events for each neuron, received lists only")
        return self.numbers

    def signal(self) -> Signal:
        """Return the output of the neurons."""
        return Signal(self.dense() * self.height, False)


def room_for_lists(workspace: Workspace, shape: Shape, steps: int, samples: int, kind: Any = np.int8) -> EventLists:
    """Return lists for as many events, or values of an analog signal, as there may be."""
    rows, columns, _ = as_rows(shape)
    most = steps * samples * prod(shape) + CHUNK  # packed events come with a tail that is written over
    return EventLists(
        codes=workspace.take((most,), np.int32),
        sizes=workspace.take((most,), kind),
        starts=workspace.take((samples, rows * steps * columns + 1), np.int32),
    )
