"""Incoming: what comes into a population by a way, from lists of events or from the numbers of all."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from ....converter.ops import Array
from ...llvm import LANES
from .event_lists import Source
from .exact import add_exactly
from .gather import gather
from .quads import Quads, Unpacked, add_products_exactly, gather_quads
from .way import Way

__all__ = ["Incoming", "collect", "collect_exactly", "room_for"]


class Incoming(NamedTuple):
    """What comes in by a way.

    Attributes
    ----------
    source
        The events, as lists.
    way
        Where they go.
    quads, numbers
        The weights digit by digit, and the numbers of all events, ``(steps, samples, places · channels)`` int8, where
        these are multiplied instead of adding what the lists name; else of no size.
    """

    source: Source
    way: Way
    quads: Quads
    numbers: Array


@numba.njit(nogil=True, cache=True)
def room_for(incoming: Incoming, steps: int) -> Unpacked:
    """Return memory for the numbers of a sample."""
    channels, padded = max(incoming.quads.channels, 1), -(-steps // LANES) * LANES
    places = incoming.numbers.shape[2] // channels
    return Unpacked(np.empty(places * steps * channels, np.uint8), np.zeros(places * padded, np.int32))


@numba.njit(nogil=True, cache=True)
def collect(
    incoming: Incoming,
    sent: Unpacked,
    sample: int,
    steps: int,
    row: int,
    first: int,
    last: int,
    sums: Array,
    reach: Array,
    steady_sums: Array,
    steady_reach: Array,
) -> None:
    """Add up what the columns ``first`` up to ``last`` of a row receive, as `gather`.

    Parameters
    ----------
    sent
        The sample of ``numbers``.
    steady_sums, steady_reach
        The same for what comes in each step alike.
    """
    source, to = incoming.source, incoming.way.to
    if incoming.numbers.size:
        gather_quads(sent, incoming.quads, steps, to, row, first, last, sums, reach)
        return
    gather(source.lists, sample, steps, to, row, first, last, sums, reach)
    if source.steadies:
        gather(source.steady, sample, 1, to, row, first, last, steady_sums, steady_reach)


@numba.njit(nogil=True, cache=True)
def collect_exactly(
    incoming: Incoming,
    sent: Unpacked,
    sample: int,
    steps: int,
    output: int,
    row: int,
    column: int,
    currents: Array,
    steady: Array,
) -> None:
    """Add what one neuron receives, in float64: to its currents in each step, and to what comes in each alike."""
    source = incoming.source
    if incoming.numbers.size and incoming.way.exact_width == 1:
        add_products_exactly(sent, incoming.quads, steps, incoming.way, output, row, column, currents)
        return
    add_exactly(source.lists, sample, steps, incoming.way, output, row, column, currents)
    if source.steadies:
        add_exactly(source.steady, sample, 1, incoming.way, output, row, column, steady)
