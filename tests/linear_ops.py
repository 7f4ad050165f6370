"""Linear ops of every kind with the shape of their input, and their matrices found by what they do to unit vectors."""

from __future__ import annotations

import math

import numpy as np

from graphs import random, scale_shift
from spikeport.converter.layers.resampling import RESAMPLING
from spikeport.converter.ops import (
    Array,
    AvgPool,
    AxisMap,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    LocallyConnected,
    Op,
    OverTime,
    Pad,
    Permute,
    Reshape,
    Shape,
    Upsample,
)

ONES, NO_PAD = (1, 1), ((0, 0), (0, 0))
KERNEL = random(3, 2, 2, 4)

LINEAR_OPS: dict[str, tuple[Op, Shape]] = {
    "dense": (Dense(kernel=random(5, 3), bias=random(3)), (5,)),
    "dense-rank2": (Dense(kernel=random(5, 3)), (4, 5)),
    "conv": (Conv(kernel=KERNEL, bias=random(4), strides=ONES, dilation=ONES, padding=NO_PAD), (5, 6, 2)),
    "conv-padded": (Conv(kernel=KERNEL, strides=ONES, dilation=ONES, padding=((1, 1), (0, 1))), (5, 6, 2)),
    "conv-strides": (Conv(kernel=KERNEL, strides=(2, 3), dilation=ONES, padding=((0, 1), (1, 0))), (5, 6, 2)),
    "conv-dilated": (Conv(kernel=KERNEL, strides=ONES, dilation=(2, 3), padding=NO_PAD), (5, 6, 2)),
    "conv-groups": (Conv(kernel=KERNEL, strides=ONES, dilation=ONES, padding=NO_PAD, groups=2), (5, 6, 4)),
    "conv1d": (Conv(kernel=random(3, 2, 4), strides=(1,), dilation=(1,), padding=((2, 0),)), (5, 2)),
    "conv3d": (
        Conv(kernel=random(2, 1, 2, 2, 3), strides=(1,) * 3, dilation=(1,) * 3, padding=((0, 1),) * 3),
        (3, 2, 3, 2),
    ),
    "transposed": (
        ConvTranspose(kernel=KERNEL, bias=random(2), strides=(2, 3), dilation=ONES, before=(1, 0), size=(6, 8)),
        (3, 3, 4),
    ),
    "local": (
        LocallyConnected(kernel=random(6, 12, 3), bias=random(3, 2, 3), window=(3, 2), strides=(1, 2)),
        (5, 5, 2),
    ),
    "average": (AvgPool(pool_size=(2, 2), strides=(2, 2), padding=NO_PAD), (5, 6, 2)),
    "average-padded": (AvgPool(pool_size=(3, 2), strides=(2, 1), padding=((1, 1), (0, 1))), (5, 6, 2)),
    "average-gaps": (AvgPool(pool_size=(2, 2), strides=(3, 3), padding=NO_PAD), (5, 6, 2)),
    "resampling": (AxisMap(matrices=tuple(RESAMPLING["bilinear"](n, size) for n, size in ((3, 5), (4, 3)))), (3, 4, 2)),
    "scale": (scale_shift(3), (4, 3)),
    "pad": (Pad(padding=((1, 0), (0, 2))), (3, 4)),
    "crop": (Crop(cropping=((1, 0), (0, 2))), (3, 4)),
    "upsample": (Upsample(size=(2, 3)), (3, 2)),
    "reshape": (Reshape(shape=(3, 8)), (4, 6)),
    "permute": (Permute(order=(2, 0, 1)), (3, 4, 2)),
    "over-time-dense": (OverTime(op=Dense(kernel=random(5, 3), bias=random(3))), (4, 5)),
    "over-time-pool": (OverTime(op=AvgPool(pool_size=(2,), strides=(2,), padding=((0, 1),))), (3, 5, 2)),
}


def matrix_of(op: Op, shape: Shape) -> Array:
    """``(outputs, inputs)``: the outputs for each unit vector, without the bias."""
    size = math.prod(shape)
    offset = op.apply(np.zeros((1, *shape))).reshape(1, -1)
    return (op.apply(np.eye(size).reshape(size, *shape)).reshape(size, -1) - offset).T
