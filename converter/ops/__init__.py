"""The few ops that a graph is made of: records that know their shape and their arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

from .activation import ACTIVATIONS, Activation
from .arrange import Concatenate, Crop, Pad, Permute, Reshape, Upsample
from .base import Array, Op, Shape
from .conv import Conv
from .dense import Dense
from .elementwise import Add, Multiply, ScaleShift
from .host import HostLayer
from .neurons import TIE, Neurons
from .pool import AvgPool, MaxPool
from .rate_domain import as_rate_domain
from .terminals import Identity, Input, Output

__all__ = [
    "ACTIVATIONS",
    "OPS",
    "TIE",
    "Activation",
    "Add",
    "Array",
    "AvgPool",
    "Concatenate",
    "Conv",
    "Crop",
    "Dense",
    "HostLayer",
    "Identity",
    "Input",
    "MaxPool",
    "Multiply",
    "Neurons",
    "Op",
    "Output",
    "Pad",
    "Permute",
    "Reshape",
    "ScaleShift",
    "Shape",
    "Upsample",
    "as_rate_domain",
]

OPS: Mapping[str, type[Op]] = {
    op.__name__: op
    for op in (
        Activation,
        Add,
        AvgPool,
        Concatenate,
        Conv,
        Crop,
        Dense,
        HostLayer,
        Identity,
        Input,
        MaxPool,
        Multiply,
        Neurons,
        Output,
        Pad,
        Permute,
        Reshape,
        ScaleShift,
        Upsample,
    )
}
"""Every op by its name, as files write it."""
