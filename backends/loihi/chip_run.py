"""What a chip, emulated or not, did with some samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ...converter.ops import Array
from .linear_map import Volume

__all__ = ["Chip", "ChipRun", "Happenings", "Voice"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Voice:
    """A population as the host hears it.

    Attributes
    ----------
    shape
        Rows, columns and channels.
    depth
        From which step on it answers a sample.
    encodes
        It is neurons of the host that turn a node's values into spikes.
    worth, offset
        What one spike stands for, and what is added to the mean of that, for each channel, in activation units.
    """

    shape: Volume
    depth: int
    on_chip: bool
    encodes: bool
    worth: Array
    offset: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class ChipRun:
    """The spikes of the steps in which each population answers a sample.

    Attributes
    ----------
    spikes
        Population → ``(samples, steps, *shape)`` int8, −1 for the negative set of an encoder; for those watched.
    counts
        Population → ``(samples, *shape)``: how many spikes each neuron sent.
    """

    spikes: Mapping[str, Array]
    counts: Mapping[str, Array]


@dataclass(kw_only=True)
class Happenings:
    """What the chip's arithmetic did that costs accuracy.

    Attributes
    ----------
    lost_bits
        One entry for each connection to a core whose weights were rounded to fewer than 8 bits: how many were lost.
    overflows
        Register → how often it overflowed, of all samples: in so many steps, or in so many steps of single neurons.
    """

    lost_bits: list[int] = field(default_factory=list)
    overflows: dict[str, int] = field(default_factory=dict)


class Chip(Protocol):
    """A place where scaled populations run."""

    happenings: Happenings

    def run_batch(self, currents: Mapping[str, Array], n_steps: int, watch: Collection[str]) -> ChipRun:
        """Run samples, each from a clean state.

        Parameters
        ----------
        currents
            Host source → ``(samples, …)``, in thresholds a step.
        n_steps
            In how many steps each population is heard.
        watch
            Populations whose spikes are wanted.
        """
        ...

    def close(self) -> None:
        """Free what it holds."""
