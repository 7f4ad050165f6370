"""Collecting rows of weights: equal ones are kept once, and cut into runs of successive neurons."""

from __future__ import annotations

import numpy as np

from ....converter.ops import Array
from .add_run import LANES
from .program import RowArrays

__all__ = ["RowBuilder"]

_FORMATS = (np.int8, np.int16, np.int32)


class RowBuilder:
    """Rows of weights, link by link.

    Parameters
    ----------
    n_sources
        Inputs and neurons.
    """

    def __init__(self, n_sources: int) -> None:
        self._links: list[list[tuple[int, int]]] = [[] for _ in range(n_sources)]
        self._known: dict[bytes, int] = {}
        self._runs: list[tuple[Array, Array, int]] = []  # starts, lengths and first weight of each row
        self._weights: list[Array] = []
        self._stored = 0

    def add(self, sources: Array, targets: Array, weights: Array) -> None:
        """Link sources that reach the same neurons.

        Parameters
        ----------
        sources
            ``(sources,)``.
        targets
            ``(targets,)``: the neurons, each once.
        weights
            ``(sources, targets)`` int32, or float32.
        """
        if not len(targets):
            return
        order = np.argsort(targets)
        targets = targets[order]
        weights = np.ascontiguousarray(weights[:, order])
        first = int(targets[0])
        pattern = (targets - first).astype(np.int32)
        for source, row in zip(sources, self._rows(pattern, weights)):
            self._links[source].append((row, first))

    def _rows(self, pattern: Array, weights: Array) -> range:
        """Return the numbers of the rows with this pattern and these weights."""
        key = b"%d " % len(pattern) + pattern.tobytes() + weights.tobytes()
        first = self._known.get(key)
        if first is None:
            first = self._known[key] = len(self._runs)
            cuts = np.flatnonzero(np.diff(pattern) != 1) + 1
            starts = np.concatenate([[0], cuts])
            lengths = np.diff(np.append(starts, len(pattern)))
            filled = _filled(weights, lengths)
            for number in range(len(weights)):
                self._runs.append((pattern[starts], lengths, self._stored + number * filled.shape[1]))
            self._weights.append(filled.reshape(-1))
            self._stored += filled.size
        return range(first, first + len(weights))

    def arrays(self) -> RowArrays:
        """Return all of them."""
        counts = [len(links) for links in self._links]
        links = np.array([link for links in self._links for link in links], dtype=np.int64).reshape(-1, 2)
        run_counts = [len(starts) for starts, _, _ in self._runs]
        run_start = _joined([starts for starts, _, _ in self._runs])
        run_length = _joined([lengths for _, lengths, _ in self._runs])
        first_run = np.concatenate([[0], np.cumsum(run_counts)]).astype(np.int32)
        room = _room(run_length)
        before = np.concatenate([[0], np.cumsum(room)])
        row_of_run = np.repeat(np.arange(len(self._runs)), run_counts)
        first_weight = np.array([first for _, _, first in self._runs], dtype=np.int64)
        run_weight = first_weight[row_of_run] + before[:-1] - before[first_run[:-1]][row_of_run]
        whole = np.concatenate(self._weights) if self._weights else np.zeros(0, np.int32)
        weights, run_shift = _compact(whole, run_weight, room)
        return RowArrays(
            first_link=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            link_row=links[:, 0].astype(np.int32),
            link_target=links[:, 1].astype(np.int32),
            first_run=first_run,
            run_start=run_start,
            run_length=run_length,
            run_weight=run_weight.astype(np.int64),
            run_shift=run_shift,
            weights=weights,
        )


def _room(lengths: Array) -> Array:
    """Return how many weights runs take, filled up to whole vectors."""
    return -(-lengths // LANES) * LANES


def _filled(weights: Array, lengths: Array) -> Array:
    """Return rows of weights with zeros behind each run."""
    room = _room(lengths)
    shift = np.repeat(np.cumsum(room) - room - (np.cumsum(lengths) - lengths), lengths)
    filled = np.zeros((len(weights), int(room.sum())), weights.dtype)
    filled[:, np.arange(weights.shape[1]) + shift] = weights
    return filled


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)


def _compact(weights: Array, first: Array, lengths: Array) -> tuple[Array, Array]:
    """Return the weights in the narrowest format, and the shift of each run that gives them back.

    The chip's weights have eight bits and an exponent for each core. Rows of one pattern are stored one behind the
    other, so that the runs, in the order of their first weights, cover all weights.
    """
    if not len(weights) or weights.dtype == np.float32:
        return weights, np.zeros(len(first), np.int32)
    ordered = np.argsort(first)
    bits = np.bitwise_or.reduceat(weights, first[ordered])  # its lowest bit is the lowest of any weight of the run
    lowest = np.where(bits == 0, 0, np.log2(np.maximum(bits & -bits, 1))).astype(np.int32)
    shift = np.empty(len(first), np.int32)
    shift[ordered] = lowest
    mantissas = weights >> np.repeat(lowest, lengths[ordered])
    reach = int(np.abs(mantissas.astype(np.int64)).max())
    kind = next(f for f in _FORMATS if reach <= np.iinfo(f).max)
    return mantissas.astype(kind), shift
