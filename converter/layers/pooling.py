"""Pooling layers: windows and global, average and maximum, in one to three dimensions."""

from __future__ import annotations

from ..layer_call import LayerCall
from ..ops import AvgPool, MaxPool, Op, Reshape
from ..ops.window import same_padding
from .arguments import DATA_FORMATS, axis_sizes, channels_last, spatial_rank, spatial_shape
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to"]


def _op_type(call: LayerCall) -> type[AvgPool] | type[MaxPool]:
    return AvgPool if "Average" in call.layer_type else MaxPool


def pooling(call: LayerCall) -> tuple[Op, ...]:
    """Become pooling over windows: an average is linear, a maximum moves before the neurons where it can."""
    rank = spatial_rank(call)
    size = axis_sizes(call, "pool_size", rank, default=2)
    strides = axis_sizes(call, "strides", rank, default=size)
    spatial = spatial_shape(call, rank)
    same = call.config.get("padding", "valid") == "same"
    padding = same_padding(spatial, size, strides, (1,) * rank) if same else ((0, 0),) * rank
    return channels_last(call, rank, _op_type(call)(pool_size=size, strides=strides, padding=padding))


def global_pooling(call: LayerCall) -> tuple[Op, ...]:
    """Become pooling over the whole map: an average is linear, a maximum moves before the neurons where it can."""
    rank = spatial_rank(call)
    spatial = spatial_shape(call, rank)
    first = call.config.get("data_format") == "channels_first"
    channels = call.input_shape[0] if first else call.input_shape[-1]
    pool = _op_type(call)(pool_size=spatial, strides=spatial, padding=((0, 0),) * rank)
    ops = channels_last(call, rank, pool)
    return ops if call.config.get("keepdims", False) else (*ops, Reshape(shape=(channels,)))


def adaptive_max_pooling(call: LayerCall) -> tuple[Op, ...]:
    """Become max pooling over windows of one size, which moves before the neurons where it can."""
    rank = spatial_rank(call)
    spatial = spatial_shape(call, rank)
    sizes = axis_sizes(call, "output_size", rank)
    if any(n % size for n, size in zip(spatial, sizes, strict=True)):
        raise UnsupportedLayerError("unsupported-argument", f"output_size={sizes!r}; takes divisors of {spatial}")
    window = tuple(n // size for n, size in zip(spatial, sizes, strict=True))
    return channels_last(call, rank, MaxPool(pool_size=window, strides=window, padding=((0, 0),) * rank))


def add_to(layers: LayerRegistry) -> None:
    """Register the pooling layers."""
    for rank in (1, 2, 3):
        layers.register(f"AdaptiveMaxPooling{rank}D", data_format=DATA_FORMATS)(adaptive_max_pooling)
        for kind in ("Average", "Max"):
            layers.register(f"{kind}Pooling{rank}D", padding=("valid", "same"), data_format=DATA_FORMATS)(pooling)
            layers.register(f"Global{kind}Pooling{rank}D", data_format=DATA_FORMATS)(global_pooling)
