"""A discretised network as plain arrays: neurons with their whole-number parameters, and rows of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from ....converter.ops import Array, Shape

__all__ = ["NeuronArrays", "Place", "Program", "RowArrays"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a population or an input lies among all neurons or all inputs."""

    start: int
    shape: Shape

    @property
    def size(self) -> int:
        """Return how many neurons it has."""
        return prod(self.shape)

    @property
    def range(self) -> slice:
        """Return it as a slice."""
        return slice(self.start, self.start + self.size)


class NeuronArrays(NamedTuple):
    """The parameters of the neurons, int32 each, in the units of the chip's registers; float32 without rounding.

    The step that they describe is that of nengo-loihi 1.1.0 (``emulator/interface.py``, ``CompartmentState.update``).

    Attributes
    ----------
    keep_u, keep_v
        What current and voltage keep in a step, in parts of 4,096; without rounding, as a fraction.
    bias
        Added to the voltage in every step.
    threshold
        A voltage beyond it is a spike.
    lowest, highest
        Where the voltage is clipped.
    rest
        For how many steps the voltage is held at zero, that of the spike included.
    core
        The core that holds the neuron.
    """

    keep_u: Array
    keep_v: Array
    bias: Array
    threshold: Array
    lowest: Array
    highest: Array
    rest: Array
    core: Array


class RowArrays(NamedTuple):
    """What a spike adds to the neurons' input: rows of weights that sources share, each in runs of successive neurons.

    Attributes
    ----------
    first_link
        ``(sources + 1,)``: the links of source s are those from ``first_link[s]`` up to ``first_link[s + 1]``. The
        inputs are the first sources, then come the neurons.
    link_row, link_target
        ``(links,)``: the row of each link, and the neuron at which it begins.
    first_run
        ``(rows + 1,)``: the runs of each row.
    run_start, run_length, run_weight
        ``(runs,)``: where a run begins, counted from the link's target; how many neurons it reaches; its first weight.
    run_shift
        ``(runs,)``: by how many bits its weights are shifted to the left.
    weights
        Whole numbers, int8 where that is enough, or int16 or int32.
    """

    first_link: Array
    link_row: Array
    link_target: Array
    first_run: Array
    run_start: Array
    run_length: Array
    run_weight: Array
    run_shift: Array
    weights: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Program:
    """A network as the emulator runs it.

    Attributes
    ----------
    inputs, populations
        Name → place among the inputs, or among the neurons.
    synapses
        ``(sources, cores)`` int32: how many stored weights a spike of a source passes on each core.
    """

    inputs: Mapping[str, Place]
    populations: Mapping[str, Place]
    neurons: NeuronArrays
    rows: RowArrays
    synapses: Array

    @property
    def n_inputs(self) -> int:
        """Return how many input neurons there are."""
        return len(self.rows.first_link) - 1 - self.n_neurons

    @property
    def n_neurons(self) -> int:
        """Return how many neurons the chip has."""
        return len(self.neurons.threshold)

    @property
    def n_cores(self) -> int:
        """Return how many cores there are."""
        return int(self.synapses.shape[1])

    @property
    def rounds(self) -> bool:
        """Say whether it computes in whole numbers."""
        return bool(self.neurons.threshold.dtype == np.int32)
