"""How handlers read a call's arguments and weights: the few shapes in which Keras writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..layer_call import LayerCall
from ..ops import Array, Op, Permute
from ..ops.base import Shape
from .registry import UnsupportedLayerError

__all__ = [
    "DATA_FORMATS",
    "axis_pairs",
    "axis_sizes",
    "channels_last",
    "is_whole",
    "needed_weight",
    "number",
    "optional_weight",
    "sample_axes",
    "spatial_rank",
    "spatial_shape",
]

DATA_FORMATS = ("channels_last", "channels_first", None)
"""What data_format may be; None is Keras's default, the channels last."""

_LARGEST = 3.4e38  # in float32
_TOO_LONG = 2**16  # for a window, a stride or a dilation


def needed_weight(call: LayerCall, name: str, *, rank: int | None = None) -> Array:
    """Return a weight that the layer cannot do without.

    Raises
    ------
    UnsupportedLayerError
        When the file does not hold it, or in another shape.
    """
    value = call.weights.get(name)
    if value is None:
        raise UnsupportedLayerError("missing-weights", name)
    if rank is not None and value.ndim != rank:
        raise UnsupportedLayerError("shape-mismatch", f"{name} expected of rank {rank}, received {value.shape}")
    return value


def optional_weight(call: LayerCall, name: str, argument: str, size: int) -> Array | None:
    """Return a weight that an argument such as ``use_bias`` switches off, None when it is off."""
    if not call.config.get(argument, True):
        return None
    value = needed_weight(call, name)
    if value.size != size:
        raise UnsupportedLayerError("shape-mismatch", f"{name} expected with {size} values, received {value.shape}")
    return value.reshape(-1)


def number(call: LayerCall, argument: str, default: float, *, least: float = -_LARGEST) -> float:
    """Return a finite number from the config."""
    value = call.config.get(argument, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= _LARGEST:
        raise UnsupportedLayerError("unsupported-argument", f"{argument}={value!r}; takes a number")
    return float(value)


def is_whole(value: Any, least: int) -> bool:
    """Say whether a value from a config is a whole number from ``least`` on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def axis_sizes(call: LayerCall, argument: str, rank: int, default: Any = 1, *, least: int = 1) -> Shape:
    """Return one whole number for each spatial axis, however it was written: 2, (2,) or (2, 2)."""
    value = call.config.get(argument)
    value = default if value is None else value
    sizes = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * rank
    if len(sizes) != rank or not all(is_whole(n, least) and n < _TOO_LONG for n in sizes):
        raise UnsupportedLayerError(
            "unsupported-argument", f"{argument}={value!r}; takes {rank} whole numbers from {least} on"
        )
    return sizes


def axis_pairs(call: LayerCall, argument: str, rank: int) -> tuple[tuple[int, int], ...]:
    """Return (before, after) for each spatial axis, from 1, (1, 2) or ((1, 1), (2, 2))."""
    value = call.config.get(argument, 1)
    whole = value if isinstance(value, (list, tuple)) else [value] * rank
    if rank == 1 and len(whole) == 2 and all(is_whole(n, 0) for n in whole):
        whole = [whole]
    pairs = [tuple(n) if isinstance(n, (list, tuple)) else (n, n) for n in whole]
    if len(pairs) != rank or not all(len(pair) == 2 and all(is_whole(n, 0) for n in pair) for pair in pairs):
        raise UnsupportedLayerError(
            "unsupported-argument", f"{argument}={value!r}; takes {rank} pairs of whole numbers"
        )
    return tuple((a, b) for a, b in pairs)


def sample_axes(call: LayerCall, argument: str = "axis", default: Any = -1) -> Shape:
    """Return the axes of the sample, from 0 and in order, that an argument names as Keras does: 0 is the batch."""
    value, rank = call.config.get(argument, default), len(call.input_shape)
    axes = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(is_whole(a, -rank) and a != 0 and a <= rank for a in axes) or len(set(axes)) != len(axes):
        raise UnsupportedLayerError("unsupported-argument", f"{argument}={value!r}; takes axes other than the batch")
    return tuple(sorted(a - 1 if a > 0 else rank + a for a in axes))


def channels_last(call: LayerCall, rank: int, *ops: Op) -> tuple[Op, ...]:
    """Return ops for channels-last values, between transpositions where the layer has channels first.

    Parameters
    ----------
    rank
        The number of spatial axes.
    """
    if call.config.get("data_format") != "channels_first":
        return ops
    to_last = (*range(1, rank + 1), 0)
    to_first = (rank, *range(rank))
    return (Permute(order=to_last), *ops, Permute(order=to_first))


def spatial_rank(call: LayerCall) -> int:
    """Return how many spatial axes a layer type counts in its name: 2 for Conv2D and Conv2DTranspose."""
    return int(call.layer_type.removesuffix("Transpose")[-2])


def spatial_shape(call: LayerCall, rank: int) -> Shape:
    """Return the spatial axes of the input of a convolution or pooling layer."""
    shape = call.input_shape
    if len(shape) != rank + 1:
        raise UnsupportedLayerError("shape-mismatch", f"expected an input of rank {rank + 1}, received {shape}")
    return shape[1:] if call.config.get("data_format") == "channels_first" else shape[:-1]
