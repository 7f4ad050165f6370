"""Weight calibration: a layer's kernel and bias fitted to the spike trains that it really receives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ..dynamics import Signal
from ..graph import Graph, Node
from ..ops import Array, Conv, Dense, Neurons, Op
from ..ops.window import pad_spatial

__all__ = ["FittedWeights", "calibrate_weights", "feeds_one_population"]

_ROWS = 4096  # places that are looked at, half of them held out
_VALUES = 2**24  # most values of all patches together
_STRENGTHS = tuple(10.0**k for k in range(3, -4, -1))  # of the pull to the original, in mean squares of an input
_BETTER = 0.98  # of the held-out error: less help than this is left alone


@dataclass(frozen=True, kw_only=True)
class FittedWeights:
    """What became of a layer's weights.

    Attributes
    ----------
    op
        With the fitted weights, or the op itself where they do not help.
    figure
        The error of the mean currents on held-out samples before and after, in words.
    """

    op: Op
    figure: str


def feeds_one_population(graph: Graph, node: Node) -> bool:
    """Say whether a node is a Dense or Conv whose output goes into neurons and nowhere else.

    Others are left alone: what they send also reaches something that was fitted to, or needs, the model's own values.
    """
    reader = graph.only_consumer(node)
    return isinstance(node.op, Dense | Conv) and reader is not None and isinstance(reader.op, Neurons)


def calibrate_weights(op: Op, received: Signal, wanted: Array, rng: np.random.Generator) -> FittedWeights:
    """Return a Dense or Conv whose mean currents come nearer to the model's pre-activations, where held-out ones do.

    Ridge regression towards the original weights W, with a free bias::

        min over W', b':  ‖X W' + b' - Z‖² + λ‖W' - W‖²

    X holds the mean inputs over the steps, one row for each place that was drawn (for a convolution, its patch), Z what
    the model has at that place before its activation. Half of the samples are held out: they choose λ, and whether the
    result is taken at all. It is layer-wise reconstruction as in Li et al. 2021, "A free lunch from ANN" (advanced
    pipeline), with a closed solution in the place of gradient descent.

    Parameters
    ----------
    received
        Into the op: ``(steps | 1, samples, *shape)``.
    wanted
        ``(samples, *shape)``.
    """
    if not isinstance(op, Dense | Conv) or received.constant or len(wanted) < 4:
        return FittedWeights(op=op, figure="unchanged: no spikes come in, or too few samples")
    mean = received.values.mean(axis=0)
    half = len(wanted) // 2
    places = [_draw(wanted.shape, samples, op, rng) for samples in (np.arange(half), np.arange(half, len(wanted)))]
    kernels, shifts = [], []
    before = after = 0.0
    for group, kernel in enumerate(_groups(op)):
        columns = slice(group * kernel.shape[1], (group + 1) * kernel.shape[1])
        rows = [_patches(op, mean, place, group) for place in places]
        left = [
            wanted[place][:, columns].astype(np.float64) - x @ kernel - (0.0 if op.bias is None else op.bias[columns])
            for x, place in zip(rows, places, strict=True)
        ]
        least = float(np.sum(left[1] ** 2))
        before, best = before + least, (np.zeros_like(kernel), np.zeros(kernel.shape[1]))
        for change, shift in _ridge(rows[0], left[0]):
            error = float(np.sum((left[1] - rows[1] @ change - shift) ** 2))
            if error < _BETTER * least:
                least, best = error, (change, shift)
        after += least
        kernels.append(kernel + best[0])
        shifts.append(best[1])
    size = float(np.sum((wanted[places[1]].astype(np.float64)) ** 2)) or 1.0
    figure = " → ".join(f"{100 * np.sqrt(error / size):.1f} %" for error in (before, after))
    if after >= _BETTER * before:
        return FittedWeights(op=op, figure=f"unchanged: {figure} on held-out samples")
    bias = np.concatenate(shifts) + (0.0 if op.bias is None else op.bias)
    kernel = np.concatenate(kernels, axis=1).reshape(op.kernel.shape)
    fitted = replace(op, kernel=kernel.astype(np.float32), bias=bias.astype(np.float32))
    return FittedWeights(op=fitted, figure=f"{figure} on held-out samples")


def _draw(shape: tuple[int, ...], samples: Array, op: Dense | Conv, rng: np.random.Generator) -> tuple[Array, ...]:
    """Return the indices of places of some samples: an array for each axis but the last."""
    inside = shape[1:-1]
    total = len(samples) * prod(inside)
    features = prod(op.kernel.shape[:-1])
    count = max(1, min(total, _ROWS // 2, _VALUES // features))
    flat = rng.choice(total, count, replace=False) if count < total else np.arange(total)
    first, *rest = np.unravel_index(flat, (len(samples), *inside))
    return samples[first], *rest


def _groups(op: Dense | Conv) -> Iterator[Array]:
    """Yield the weights of each group as a matrix ``(features, filters of the group)``, float64."""
    groups = op.groups if isinstance(op, Conv) else 1
    for part in np.split(op.kernel.astype(np.float64), groups, axis=-1):
        yield part.reshape(-1, part.shape[-1])


def _patches(op: Dense | Conv, x: Array, places: tuple[Array, ...], group: int) -> Array:
    """Return what the weights of a group are multiplied with at some places: ``(places, features)``, float64."""
    if isinstance(op, Dense):
        return x[places].astype(np.float64)
    padded = pad_spatial(x, op.padding, 0.0)
    channels = op.kernel.shape[-2]
    sample, *position = places
    taps = []
    for offset in np.ndindex(*op.window):
        at = (p * s + o * d for p, s, o, d in zip(position, op.strides, offset, op.dilation, strict=True))
        taps.append(padded[(sample, *at)][:, group * channels : (group + 1) * channels])
    return np.concatenate(taps, axis=1).astype(np.float64)


def _ridge(x: Array, wanted: Array) -> Iterator[tuple[Array, Array]]:
    """Yield weights ``(features, filters)`` and biases for each strength of the pull to zero, the strongest first.

    ``W = Xᵀ(XXᵀ + λ)⁻¹ Z`` where there are fewer places than features, ``(XᵀX + λ)⁻¹ Xᵀ Z`` otherwise, both centred.
    """
    middle, shift = x.mean(axis=0), wanted.mean(axis=0)
    x, wanted = x - middle, wanted - shift
    wide = x.shape[1] > x.shape[0]
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    turned = vectors.T @ (wanted if wide else x.T @ wanted)
    unit = float(np.sum(x**2)) / x.shape[1] or 1.0
    for strength in _STRENGTHS:
        solved = vectors @ (turned / (values.clip(min=0) + strength * unit)[:, None])
        change = x.T @ solved if wide else solved
        yield change, shift - middle @ change
