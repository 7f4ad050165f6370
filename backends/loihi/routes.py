"""The forms that a linear map takes on the chip: a convolution, a dense matrix or a sparse one; what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...converter.ops import Array
from .fan_in import ConvFanIn, DenseFanIn, FanIn, SparseFanIn
from .linear_map import LinearMap, MatrixMap, Volume, WindowMap, as_matrix

__all__ = ["ConvRoute", "DenseRoute", "Route", "SparseRoute", "routes"]

_POP_TYPE = 32
_MOST_CHANNELS = 1024  # a spike names its channel by the neuron's number within its core, which holds so many


@dataclass(frozen=True, eq=False, kw_only=True)
class ConvRoute:
    """A two-dimensional convolution, padded "valid" or "same" as ``nengo.Convolution`` means it.

    Attributes
    ----------
    kernel
        ``(rows, columns, channels in, channels out)``, with zeros around it where that makes its padding "same".
    """

    kernel: Array
    input_shape: Volume
    output_shape: Volume
    strides: tuple[int, int]
    padding: str

    @property
    def fan_in(self) -> FanIn:
        """Return what the connection costs the cores that receive it."""
        rows, columns, channels_in, channels_out = self.kernel.shape
        return ConvFanIn(
            kernel=(rows, columns, channels_in, channels_out),
            input_shape=self.input_shape,
            output_shape=self.output_shape,
            strides=self.strides,
            padding=(self._before(0), self._before(1)),
            pop_type=_POP_TYPE,
            repeats=(_repeats(self.kernel, 0), _repeats(self.kernel, 1)),
        )

    @property
    def largest(self) -> float:
        """Return the largest weight, without its sign."""
        return float(np.abs(self.kernel).max(initial=0.0))

    def scaled(self, worth: Array, per_threshold: Array) -> ConvRoute:
        """Return the route times a factor for each channel of the source and one for each of the target."""
        return replace(self, kernel=self.kernel * worth[:, None] * per_threshold)

    def apply(self, values: Array) -> Array:
        """Return the output for values of shape ``(batch, rows, columns, channels)``."""
        window = WindowMap(
            kernel=self.kernel,
            input_shape=self.input_shape,
            output_shape=self.output_shape,
            strides=self.strides,
            offset=(self._before(0), self._before(1)),
        )
        return window.apply(values)

    def _before(self, axis: int) -> int:
        if self.padding == "valid":
            return 0
        reach = (self.output_shape[axis] - 1) * self.strides[axis] + self.kernel.shape[axis]
        return int(max(reach - self.input_shape[axis], 0) // 2)


@dataclass(frozen=True, eq=False, kw_only=True)
class _MatrixRoute:
    """Any weights, ``(inputs, outputs)``."""

    weights: Any
    input_shape: Volume
    output_shape: Volume

    def scaled(self, worth: Array, per_threshold: Array) -> Any:
        """Return the route times a factor for each channel of the source and one for each of the target."""
        rows = np.broadcast_to(worth, self.input_shape).reshape(-1, 1)
        columns = np.broadcast_to(per_threshold, self.output_shape).reshape(1, -1)
        if isinstance(self.weights, np.ndarray):
            return replace(self, weights=self.weights * rows * columns)
        return replace(self, weights=self.weights.multiply(rows).multiply(columns).tocsr())

    def apply(self, values: Array) -> Array:
        """Return the output for values of shape ``(batch, rows, columns, channels)``."""
        linear = MatrixMap(weights=self.weights, input_shape=self.input_shape, output_shape=self.output_shape)
        return linear.apply(values)


class DenseRoute(_MatrixRoute):
    """Every neuron reaches every neuron."""

    @property
    def fan_in(self) -> FanIn:
        """Return what the connection costs the cores that receive it."""
        return DenseFanIn(n_in=int(self.weights.shape[0]))

    @property
    def largest(self) -> float:
        """Return the largest weight, without its sign."""
        return float(np.abs(self.weights).max(initial=0.0))


class SparseRoute(_MatrixRoute):
    """Weights one by one."""

    @property
    def fan_in(self) -> FanIn:
        """Return what the connection costs the cores that receive it."""
        most = int(np.diff(self.weights.tocsc().indptr).max(initial=0))
        return SparseFanIn(n_in=int(self.weights.shape[0]), n_weights=most)

    @property
    def largest(self) -> float:
        """Return the largest weight, without its sign."""
        return float(np.abs(self.weights.data).max(initial=0.0))


Route = ConvRoute | DenseRoute | SparseRoute


def routes(linear: LinearMap) -> Iterator[Route]:
    """Yield the forms that a map can take, the one to prefer first."""
    window = linear if isinstance(linear, WindowMap) else _as_whole_window(linear)
    conv = None if window is None else _as_convolution(window)
    if conv is None or _reads_all_at_once(conv):  # as a convolution, that needs fewer axons and more memory
        matrix = as_matrix(linear).compact()
        kind = SparseRoute if matrix.is_sparse else DenseRoute
        yield kind(weights=matrix.weights, input_shape=matrix.input_shape, output_shape=matrix.output_shape)
    if conv is not None:
        yield conv


def _as_whole_window(linear: MatrixMap) -> WindowMap | None:
    """Return a matrix to units without rows and columns as one window over the whole map; None for others.

    An axon for each pixel instead of one for each neuron: that is how a dense layer behind a large map fits a core,
    even where the order in which it was flattened is not the map's own.
    """
    rows, columns, _ = linear.input_shape
    if linear.output_shape[:2] != (1, 1) or rows * columns == 1:
        return None
    compact = linear.compact()
    if compact.is_sparse:
        return None
    kernel = compact.weights.reshape(*linear.input_shape, linear.output_shape[2])
    return WindowMap(kernel=kernel, input_shape=linear.input_shape, output_shape=linear.output_shape)


def _reads_all_at_once(conv: ConvRoute) -> bool:
    whole = conv.output_shape[:2] == (1, 1) and conv.kernel.shape[:3] == conv.input_shape
    return whole and 2 * int(np.count_nonzero(conv.kernel)) >= conv.kernel.size


def _as_convolution(window: WindowMap) -> ConvRoute | None:
    """Return the window as "valid" or "same", zeros added to its kernel as needed; None where neither can be had."""
    if window.input_shape[2] > _MOST_CHANNELS:
        return None
    for padding, ends in (("valid", _valid_ends), ("same", _same_ends)):
        zeros = [ends(window, axis) for axis in (0, 1)]
        if None in zeros:
            continue
        return ConvRoute(
            kernel=np.pad(window.full_kernel, (*(z or (0, 0) for z in zeros), (0, 0), (0, 0))),
            input_shape=window.input_shape,
            output_shape=window.output_shape,
            strides=window.strides,
            padding=padding,
        )
    return None


def _valid_ends(window: WindowMap, axis: int) -> tuple[int, int] | None:
    """Return the zeros before and after the kernel with which "valid" gives this window's outputs."""
    n, m = window.input_shape[axis], window.output_shape[axis]
    s, k, before = window.strides[axis], window.kernel.shape[axis], -window.offset[axis]
    reach = (m - 1) * s + k + before
    if before < 0 or reach > n:
        return None
    after = max(n - m * s + 1 - (k + before), 0)  # a longer kernel where there would be more outputs
    return before, after


def _same_ends(window: WindowMap, axis: int) -> tuple[int, int] | None:
    """Return the zeros before and after the kernel with which "same" gives this window's outputs."""
    n, m = window.input_shape[axis], window.output_shape[axis]
    s, k, left = window.strides[axis], window.kernel.shape[axis], window.offset[axis]
    if m != -(-n // s):
        return None
    right = (m - 1) * s + k - n - left
    before, after = max(right - left - 1, 0), max(left - right, 0)
    around = left + right + before + after  # of which "same" puts half before the input, the odd one behind it
    return (before, after) if around >= 0 and around // 2 == left + before else None


def _repeats(kernel: Array, axis: int) -> int:
    """Return how often each row (or column) of a kernel stands there in succession: pooling folded into it."""
    lines = np.moveaxis(kernel, axis, 0)
    for times in range(len(lines), 1, -1):
        if len(lines) % times == 0:
            groups = lines.reshape(-1, times, *lines.shape[1:])
            if np.array_equal(groups, np.broadcast_to(groups[:, :1], groups.shape)):
                return times
    return 1
