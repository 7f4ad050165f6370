"""How large activations become on real samples: a histogram for each channel, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from ...errors import DataError
from ..graph import Graph
from ..ops import Activation, Array

__all__ = ["ActivationHistogram", "collect_activations", "relu_nodes"]

_PER_OCTAVE = 32  # bins per doubling: a percentile is at most 2.2 % too high
_COUNTERS = 2**24  # of one histogram: more channels than these allow for get wider bins
_LOWEST, _HIGHEST = -40, 40  # the octaves covered: 1e-12 … 1e12
_BATCH_BYTES = 64 * 2**20  # of all values of a batch, of which a few at a time are held


class ActivationHistogram:
    """The distribution of each channel's positive activations, over any number of samples.

    Bins are spaced evenly in the logarithm, so the memory is bounded (at most 2,560 counters a channel, of which those
    in use are stored) and no range has to be known beforehand. The largest value is kept exactly.

    Parameters
    ----------
    channels
        The size of the last axis.
    """

    def __init__(self, channels: int) -> None:
        octaves = _HIGHEST - _LOWEST
        self._per_octave = int(np.clip(_COUNTERS // (channels * octaves), 1, _PER_OCTAVE))
        self._bins = octaves * self._per_octave
        self._places = np.zeros(0, np.int64)  # channel · bins + bin, in order
        self._counts = np.zeros(0, np.int64)
        self.maximum = np.zeros(channels)
        self.values_seen = 0  # of each channel, zeros included

    def add(self, activations: Array) -> None:
        """Count activations of shape ``(…, channels)``; only values above zero enter the percentile."""
        flat = activations.reshape(-1, activations.shape[-1])
        self.values_seen += len(flat)
        np.maximum(self.maximum, flat.max(axis=0, initial=0.0), out=self.maximum)
        rows, channels = np.nonzero(flat > 0)
        if not len(rows):
            return
        bins = ((np.log2(flat[rows, channels]) - _LOWEST) * self._per_octave).astype(np.int64)
        bins = bins.clip(0, self._bins - 1)
        lowest, width = bins.min(), int(np.ptp(bins)) + 1  # counted in the part of the range that is in use
        counts = np.bincount(channels * width + (bins - lowest))
        used = np.flatnonzero(counts)
        self._merge(used // width * self._bins + used % width + lowest, counts[used])

    def _merge(self, places: Array, counts: Array) -> None:
        every = np.concatenate([self._places, places])
        self._places, where = np.unique(every, return_inverse=True)
        both = np.concatenate([self._counts, counts])
        self._counts = np.bincount(where, weights=both, minlength=len(self._places)).astype(np.int64)

    def percentile(self, percent: float) -> Array:
        """Return the percentile of each channel's positive activations; 0 for a channel that never was active."""
        if percent >= 100 or not len(self._places):
            return self.maximum.copy()
        running = np.cumsum(self._counts)
        ends = np.searchsorted(self._places, np.arange(1, len(self.maximum) + 1) * self._bins)
        until = np.concatenate([[0], running])[ends]  # how many values the channels up to each one hold
        before = np.concatenate([[0], until[:-1]])
        totals = until - before
        wanted = np.ceil(totals * (percent / 100)).clip(min=1).astype(np.int64)
        index = np.searchsorted(running, before + wanted).clip(max=len(running) - 1)
        upper_edge = 2.0 ** ((self._places[index] % self._bins + 1) / self._per_octave + _LOWEST)
        return np.where(totals > 0, np.minimum(upper_edge, self.maximum), 0.0)

    def channels(self) -> Iterator[tuple[Array, Array]]:
        """Yield for each channel the middles of its bins in use, in order, and how many values each of them holds.

        None is above the largest value.
        """
        ends = np.searchsorted(self._places, np.arange(len(self.maximum) + 1) * self._bins)
        for largest, (start, stop) in zip(self.maximum, pairwise(ends), strict=True):
            middles = 2.0 ** ((self._places[start:stop] % self._bins + 0.5) / self._per_octave + _LOWEST)
            yield np.minimum(middles, largest), self._counts[start:stop].astype(np.float64)


def relu_nodes(graph: Graph) -> tuple[str, ...]:
    """Return the nodes that become neurons."""
    return tuple(n.name for n in graph.nodes.values() if isinstance(n.op, Activation) and n.op.is_relu)


def collect_activations(
    graph: Graph,
    samples: Sequence[Array],
    on_progress: Callable[[int], None] = lambda done: None,
) -> Mapping[str, ActivationHistogram]:
    """Run the rate network on samples and return the distribution of each ReLU's activations.

    Parameters
    ----------
    samples
        One array of shape ``(samples, *shape)`` for each input of the graph.
    on_progress
        Called with the number of samples done since the last call.

    Returns
    -------
    histograms
        Node name → histogram, for every ReLU of the graph.

    Raises
    ------
    DataError
        When samples or weights are so large that activations overflow.
    """
    histograms = {name: ActivationHistogram(graph.nodes[name].shape[-1]) for name in relu_nodes(graph)}

    def watch(name: str, value: Array) -> None:
        if name in histograms or name in ends:
            if not np.isfinite(value).all():
                raise DataError(f"{name}: expected finite activations, received some beyond the range of float32")
            if name in histograms:
                histograms[name].add(value)

    ends = set(graph.outputs.values())
    sample_bytes = 4 * sum(int(np.prod(node.shape)) for node in graph.nodes.values())
    batch = int(np.clip(_BATCH_BYTES // max(sample_bytes, 1), 1, 256))
    for start in range(0, len(samples[0]), batch):
        part = [x[start : start + batch].astype(np.float32, copy=False) for x in samples]
        feeds = {node.name: x for node, x in zip(graph.inputs, part, strict=True)}
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
            graph.evaluate(feeds, watch=watch)
        on_progress(len(part[0]))
    return histograms
