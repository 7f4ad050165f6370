"""Depthwise convolutions of events: each channel by itself, so all channels of a place are added up at once."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ....converter.graph import Graph, Node
from ....converter.ops import Array, Conv, Neurons
from .event_lists import as_rows
from .row_map import taps_of

__all__ = ["Depthwise"]


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A depthwise convolution with all that the compiled loop takes.

    Attributes
    ----------
    weights
        What an event of size 1 adds: ``(places of the window, outputs)`` float64, in activation units.
    begins, taps, reach, stride
        As in `RowMap`.
    source, out
        Rows, columns and channels.
    """

    weights: Array
    bias: Array
    begins: Array
    taps: Array
    reach: int
    stride: int
    source: tuple[int, int, int]
    out: tuple[int, int, int]

    @classmethod
    def compiled(cls, graph: Graph, node: Node) -> Depthwise:
        """Return the compiled form of a Conv that reads a population."""
        op, source = node.op, graph.input_of(node)
        if not isinstance(op, Conv) or not isinstance(source.op, Neurons):
            raise TypeError(f"{node.name}: expected a convolution of events, received {op.kind}")
        channels, outputs = source.shape[-1], node.shape[-1]
        heights = np.broadcast_to(source.op.threshold.astype(np.float64), (channels,)).repeat(outputs // channels)
        begins, taps, reach = taps_of(op, source.shape, 1)
        return cls(
            op.kernel.astype(np.float64).reshape(-1, outputs) * heights,
            np.zeros(outputs) if op.bias is None else op.bias.astype(np.float64),
            begins,
            taps,
            reach,
            op.strides[-1],
            as_rows(source.shape),
            as_rows(node.shape),
        )

    def of(self, events: Array) -> Array:
        """Return the values ``(steps, samples, places · outputs)`` of events ``(steps, samples, *shape)`` int8."""
        steps, samples = events.shape[:2]
        values = np.empty((steps * samples, self.out[0] * self.out[1], self.out[2]))
        flat = np.ascontiguousarray(events).reshape(steps * samples, -1, self.source[2])
        taps = (self.begins, self.taps, self.reach, self.stride)
        _convolve(flat, self.weights, self.bias, *taps, self.source[1], *self.out[:2], values)
        return values.reshape(steps, samples, -1)


@numba.njit(nogil=True, cache=True)
def _convolve(
    events: Array,
    weights: Array,
    bias: Array,
    begins: Array,
    taps: Array,
    reach: int,
    stride: int,
    source_columns: int,
    rows: int,
    columns: int,
    values: Array,
) -> None:
    channels, outputs = events.shape[2], values.shape[2]
    many = outputs // channels
    for k in range(events.shape[0]):
        for y in range(rows):
            for x in range(columns):
                total = values[k, y * columns + x]
                total[:] = bias
                for tap in range(begins[y], begins[y + 1]):
                    begin = x * stride + taps[tap, 2]
                    for i in range(max(-begin, 0), min(reach, source_columns - begin)):
                        sent, row = events[k, taps[tap, 0] * source_columns + begin + i], weights[taps[tap, 1] + i]
                        if many == 1:
                            for c in range(outputs):
                                total[c] += sent[c] * row[c]
                        else:
                            for c in range(outputs):
                                total[c] += sent[c // many] * row[c]
