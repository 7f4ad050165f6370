"""Layers that move or resample values: Flatten, Reshape, Permute, padding, cropping, up-sampling, resizing."""

from __future__ import annotations

import math

from ..layer_call import LayerCall
from ..ops import AxisMap, Crop, Op, Pad, Permute, Reshape, Shape, Upsample
from .arguments import DATA_FORMATS, axis_pairs, axis_sizes, channels_last, is_whole, spatial_rank, spatial_shape
from .registry import LayerRegistry, UnsupportedLayerError
from .resampling import RESAMPLING, adaptive_mean

__all__ = ["add_to"]

_LARGEST_MATRIX = 2**24  # of a resized axis: 4,096 pixels from 4,096


def flatten(call: LayerCall) -> tuple[Op, ...]:
    """Become a new shape; with channels first, the channels move to the end before, as in Keras."""
    shape = call.input_shape
    flat = Reshape(shape=(math.prod(shape),))
    if call.config.get("data_format") == "channels_first" and len(shape) > 1:
        return Permute(order=(*range(1, len(shape)), 0)), flat
    return (flat,)


def reshape(call: LayerCall) -> tuple[Op, ...]:
    """Become a new shape; one axis may be -1."""
    target = call.config.get("target_shape")
    if not isinstance(target, (list, tuple)) or not all(isinstance(n, int) for n in target):
        raise UnsupportedLayerError("unsupported-argument", f"target_shape={target!r}; takes whole numbers")
    size = math.prod(call.input_shape)
    known = math.prod(n for n in target if n != -1)
    if sum(n == -1 for n in target) > 1 or min(target, default=1) < -1 or known < 1 or size % known:
        raise UnsupportedLayerError("unsupported-argument", f"target_shape={target!r}; takes a shape of {size} values")
    return (Reshape(shape=tuple(size // known if n == -1 else n for n in target)),)


def permute(call: LayerCall) -> tuple[Op, ...]:
    """Become another order of the axes."""
    dims = call.config.get("dims")
    rank = len(call.input_shape)
    order = tuple(dims) if isinstance(dims, (list, tuple)) and all(is_whole(d, 1) for d in dims) else ()
    if sorted(order) != list(range(1, rank + 1)):
        raise UnsupportedLayerError("unsupported-argument", f"dims={dims!r}; takes the axes 1 to {rank} in any order")
    return (Permute(order=tuple(d - 1 for d in order)),)


def zero_padding(call: LayerCall) -> tuple[Op, ...]:
    """Become zeros around the map."""
    rank = spatial_rank(call)
    spatial_shape(call, rank)
    return channels_last(call, rank, Pad(padding=(*axis_pairs(call, "padding", rank), (0, 0))))


def cropping(call: LayerCall) -> tuple[Op, ...]:
    """Become a part of the map."""
    rank = spatial_rank(call)
    spatial_shape(call, rank)
    return channels_last(call, rank, Crop(cropping=(*axis_pairs(call, "cropping", rank), (0, 0))))


def upsampling(call: LayerCall) -> tuple[Op, ...]:
    """Become repeated values."""
    rank = spatial_rank(call)
    spatial_shape(call, rank)
    return channels_last(call, rank, Upsample(size=(*axis_sizes(call, "size", rank, default=2), 1)))


def resampled(call: LayerCall) -> tuple[Op, ...]:
    """Become a matrix along each axis: bilinear interpolation."""
    spatial = spatial_shape(call, 2)
    factors = axis_sizes(call, "size", 2, default=2)
    sizes = tuple(n * k for n, k in zip(spatial, factors, strict=True))
    return _resized(call, spatial, sizes, str(call.config.get("interpolation")))


def resizing(call: LayerCall) -> tuple[Op, ...]:
    """Become a matrix along each axis: nearest or bilinear interpolation."""
    sizes = (call.config.get("height"), call.config.get("width"))
    if not all(isinstance(n, int) and n > 0 for n in sizes):
        raise UnsupportedLayerError("unsupported-argument", f"height, width={sizes!r}; takes positive whole numbers")
    height, width = (int(n) for n in sizes if isinstance(n, int))
    return _resized(call, spatial_shape(call, 2), (height, width), str(call.config.get("interpolation", "bilinear")))


def _resized(call: LayerCall, spatial: Shape, sizes: Shape, interpolation: str) -> tuple[Op, ...]:
    if interpolation not in RESAMPLING:
        known = ", ".join(map(repr, RESAMPLING))
        raise UnsupportedLayerError("unsupported-argument", f"interpolation={interpolation!r}; takes {known}")
    for n, size in zip(spatial, sizes, strict=True):
        if n * size > _LARGEST_MATRIX:
            raise UnsupportedLayerError("unsupported-argument", f"resizing {n} to {size} values; takes fewer")
    rule = RESAMPLING[interpolation]
    matrices = tuple(rule(n, size) for n, size in zip(spatial, sizes, strict=True))
    return channels_last(call, 2, AxisMap(matrices=matrices))


def center_crop(call: LayerCall) -> tuple[Op, ...]:
    """Become a part of the map."""
    spatial = spatial_shape(call, 2)
    sizes = (call.config.get("height"), call.config.get("width"))
    if not all(isinstance(s, int) and 0 < s <= n for s, n in zip(sizes, spatial, strict=True)):
        raise UnsupportedLayerError("unsupported-argument", f"height, width={sizes!r}; takes a part of {spatial}")
    ends = []
    for n, size in zip(spatial, sizes, strict=True):
        before = (n - int(size or 0)) // 2
        ends.append((before, n - int(size or 0) - before))
    return channels_last(call, 2, Crop(cropping=(*ends, (0, 0))))


def adaptive_pooling(call: LayerCall) -> tuple[Op, ...]:
    """Become a matrix along each axis: means over windows of nearly equal size."""
    rank = spatial_rank(call)
    spatial = spatial_shape(call, rank)
    sizes = axis_sizes(call, "output_size", rank)
    return channels_last(
        call, rank, AxisMap(matrices=tuple(adaptive_mean(n, size) for n, size in zip(spatial, sizes, strict=True)))
    )


def repeat_vector(call: LayerCall) -> tuple[Op, ...]:
    """Become repeated values."""
    times = call.config.get("n")
    if not isinstance(times, int) or times < 1 or len(call.input_shape) != 1:
        raise UnsupportedLayerError("unsupported-argument", f"n={times!r}; takes a positive whole number and a vector")
    return Reshape(shape=(1, *call.input_shape)), Upsample(size=(times, 1))


def add_to(layers: LayerRegistry) -> None:
    """Register the layers that move values."""
    layers.register("Flatten")(flatten)
    layers.register("Reshape")(reshape)
    layers.register("Permute")(permute)
    layers.register("RepeatVector")(repeat_vector)
    for rank in (1, 2, 3):
        layers.register(f"ZeroPadding{rank}D", data_format=DATA_FORMATS)(zero_padding)
        layers.register(f"Cropping{rank}D", data_format=DATA_FORMATS)(cropping)
    layers.register("UpSampling1D", "UpSampling3D", data_format=DATA_FORMATS)(upsampling)
    nearest = ("nearest",)
    layers.register("UpSampling2D", fallback=resampled, interpolation=nearest, data_format=DATA_FORMATS)(upsampling)
    off = (False, None)
    layers.register(
        "Resizing", crop_to_aspect_ratio=off, pad_to_aspect_ratio=off, antialias=off, data_format=DATA_FORMATS
    )(resizing)
    layers.register("CenterCrop", data_format=DATA_FORMATS)(center_crop)
    for rank in (1, 2, 3):
        layers.register(f"AdaptiveAveragePooling{rank}D", data_format=DATA_FORMATS)(adaptive_pooling)
