"""What the connections into a population cost the core that holds a block of it: input axons and synapse memory.

A block is a box of neurons: ``(start, stop)`` for each dimension of the population's shape, rows, columns and channels
(channels last), or just neurons. The costs follow nengo-loihi 1.1.0 (``block.py``, ``conv.py``,
``builder/split_blocks.py``) and are never below what it reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Box = tuple[tuple[int, int], ...]
Taps = tuple[tuple[tuple[int, ...], int], ...]

_WEIGHT_BITS = 8
_GROUP = 64  # weights that share one header
_HEADER_BITS = 10  # 4 bits for the format, 6 for the number of weights
_WORD = 64  # bits: the unit of synapse memory
_INDEX_BITS = (0, 6, 7, 8, 9, 10, 11, 12)  # the widths that the chip offers
_BASE = 256  # a pixel's weights start below this neuron; farther ones need a copy with larger indices


class FanIn(Protocol):
    """A connection seen from the core that receives it."""

    @property
    def axon_slots(self) -> int:
        """Slots of output axons that one input axon takes from the core that sends to it."""

    def input_axons(self, box: Box, whole: bool = False) -> int:
        """Input axons that the block needs; ``whole``: it is the whole population."""

    def synapse_bits(self, box: Box, whole: bool = False) -> int:
        """Synapse memory that the block needs, in bits."""

    def axons_from(self, source: Box, box: Box) -> int:
        """Input axons of the block that a block ``source`` of the sending population feeds."""

    def accepts(self, box: Box) -> bool:
        """Whether the axon format allows a block like this one."""


def weight_bits(n_weights: int, index_bits: int) -> int:
    """Synapse memory of the weights of one axon, in bits: headers and whole words included."""
    groups, rest = divmod(n_weights, _GROUP)
    sizes = [_GROUP] * bool(groups) + [rest] * bool(rest)
    words = [-(-(size * (_WEIGHT_BITS + index_bits) + _HEADER_BITS) // _WORD) for size in sizes]
    return _WORD * (groups * words[0] * bool(groups) + words[-1] * bool(rest)) if sizes else 0


def index_bits(largest: int) -> int:
    """The narrowest index of the chip that can name neuron ``largest`` of a core."""
    return next(bits for bits in _INDEX_BITS if largest < 2**bits)


@dataclass(frozen=True, kw_only=True)
class DenseFanIn:
    """Every one of ``n_in`` neurons reaches every neuron."""

    n_in: int
    axon_slots: int = 1

    def input_axons(self, box: Box, whole: bool = False) -> int:
        return self.n_in

    def synapse_bits(self, box: Box, whole: bool = False) -> int:
        return self.n_in * weight_bits(_size(box), 0)

    def axons_from(self, source: Box, box: Box) -> int:
        return _size(source)

    def accepts(self, box: Box) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class SparseFanIn:
    """Each neuron hears at most ``n_weights`` of ``n_in`` neurons; which ones is open: upper bounds."""

    n_in: int
    n_weights: int
    axon_slots: int = 1

    def input_axons(self, box: Box, whole: bool = False) -> int:
        return self.n_in if whole else min(self.n_in, self.n_weights * _size(box))

    def synapse_bits(self, box: Box, whole: bool = False) -> int:
        # nengo-loihi counts no index bits here; a chip needs them to know which neurons an axon skips.
        n_axons, bits = self.input_axons(box), _WEIGHT_BITS + index_bits(_size(box) - 1)
        n_weights = min(self.n_weights, self.n_in) * _size(box)
        return n_weights * bits + (n_axons + n_weights // _GROUP) * (_HEADER_BITS + _WORD - 1)

    def axons_from(self, source: Box, box: Box) -> int:
        return min(_size(source), self.input_axons(box))

    def accepts(self, box: Box) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class ConvFanIn:
    """A two-dimensional convolution: an axon for each input pixel, its channels told apart by the spike itself.

    Attributes
    ----------
    kernel
        ``(rows, columns, channels in, channels out)``.
    input_shape
        ``(rows, columns, channels)`` of the sending population.
    output_shape
        ``(rows, columns, channels)`` of the receiving population.
    strides
        Of the rows and the columns.
    padding
        Rows above and columns left of the input that the kernel also covers.
    pop_type
        The axon format: 32 (two output slots an axon) or 16 (one; blocks of 4, 8, … channels, at most 32 channels in).
    repeats
        How often each row and column of the kernel stands there in succession, because average pooling was folded into
        it. Pixels that are pooled together then share their weights, except in a population on one core.
    """

    kernel: tuple[int, int, int, int]
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    pop_type: int = 32
    repeats: tuple[int, int] = (1, 1)

    @property
    def axon_slots(self) -> int:
        return 2 if self.pop_type == 32 else 1

    def input_axons(self, box: Box, whole: bool = False) -> int:
        if whole:  # a population on one core keeps an axon for each pixel, read or not
            return prod(self.input_shape[:2])
        return len(self._taps(0, box)) * len(self._taps(1, box))

    def synapse_bits(self, box: Box, whole: bool = False) -> int:
        repeats = (1, 1) if whole else self.repeats
        rows, columns = (_Patterns(self._taps(axis, box), repeats[axis]) for axis in (0, 1))
        (n_columns, n_channels) = (stop - start for start, stop in box[1:])
        first = (rows.first[:, None] * n_columns + columns.first) * n_channels
        copies, span = first // _BASE, ((rows.count[:, None] - 1) * n_columns + columns.count) * n_channels
        index = index_bits(int((copies * _BASE + span - 1).max(initial=0)))
        pixels = np.stack(np.broadcast_arrays(rows.pattern[:, None], columns.pattern, copies)).reshape(3, -1)
        _, which = np.unique(pixels, axis=1, return_index=True)
        targets = (rows.count[:, None] * columns.count).reshape(-1)[which]
        sizes, times = np.unique(targets * n_channels * self.kernel[2], return_counts=True)
        return sum(weight_bits(int(size), index) * int(n) for size, n in zip(sizes, times, strict=True))

    def axons_from(self, source: Box, box: Box) -> int:
        return prod(
            sum(start <= position < stop for position in self._positions(axis, box))
            for axis, (start, stop) in enumerate(source[:2])
        )

    def accepts(self, box: Box) -> bool:
        n_channels = box[2][1] - box[2][0]
        return self.pop_type == 32 or (n_channels % 4 == 0 and self.kernel[2] <= 32)

    def _taps(self, axis: int, box: Box) -> Taps:
        start, stop = box[axis]
        return _taps(start, stop, self.kernel[axis], self.strides[axis], self.padding[axis], self.input_shape[axis])

    def _positions(self, axis: int, box: Box) -> Sequence[int]:
        start, stop = box[axis]
        return _positions(
            start, stop, self.kernel[axis], self.strides[axis], self.padding[axis], self.input_shape[axis]
        )


class _Patterns:
    """The input positions of one dimension as arrays: which kernel taps they use, on which outputs of the block."""

    def __init__(self, taps: Taps, repeats: int) -> None:
        self._taps, self._repeats = taps, repeats

    @cached_property
    def pattern(self) -> NDArray[np.int64]:
        numbers: dict[tuple[int, ...], int] = {}
        weights = [tuple(tap // self._repeats for tap in taps) for taps, _ in self._taps]
        return np.array([numbers.setdefault(taps, len(numbers)) for taps in weights], dtype=np.int64)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        return np.array([first for _, first in self._taps], dtype=np.int64)

    @cached_property
    def count(self) -> NDArray[np.int64]:
        return np.array([len(taps) for taps, _ in self._taps], dtype=np.int64)


@lru_cache(maxsize=4096)
def _taps(start: int, stop: int, kernel: int, stride: int, padding: int, n_in: int) -> Taps:
    """For each input position that outputs ``start … stop - 1`` read: the taps used, and the first output reached."""
    found = []
    for position in _positions(start, stop, kernel, stride, padding, n_in):
        outputs = [o for o in range(start, stop) if 0 <= position + padding - o * stride < kernel]
        found.append((tuple(position + padding - o * stride for o in outputs), outputs[0] - start))
    return tuple(found)


@lru_cache(maxsize=4096)
def _positions(start: int, stop: int, kernel: int, stride: int, padding: int, n_in: int) -> tuple[int, ...]:
    read = {o * stride + tap - padding for o in range(start, stop) for tap in range(kernel)}
    return tuple(sorted(position for position in read if 0 <= position < n_in))


def _size(box: Box) -> int:
    return prod(stop - start for start, stop in box)
