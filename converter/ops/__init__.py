"""The few ops that a graph is made of: records that know their shape and their arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

from .activation import ACTIVATIONS, FUNCTIONS, Activation
from .arrange import Concatenate, Crop, Pad, Permute, Reshape, Slice, Upsample
from .at_each_step import AtEachStep
from .axis_map import AxisMap
from .base import Array, Op, Shape
from .cell import Cell, CellState
from .conv import Conv
from .conv_transpose import ConvTranspose
from .dense import Dense
from .elementwise import Add, Extremum, Multiply, PReLU, ScaleShift
from .gate import as_gate, is_gate, pass_winners
from .gather import Dot, Gather
from .host import HostLayer
from .locally_connected import LocallyConnected
from .neuron_state import TIE, Dynamics, NeuronState
from .neurons import Neurons
from .over_time import OverTime
from .pool import AvgPool, MaxPool
from .populations import is_population
from .random_numbers import sample_keys, uniform
from .rate_domain import RunningSums, as_rate_domain, running_sums
from .reduce import Reduce
from .standardize import Standardize, UnitLength
from .terminals import Identity, Input, Output

__all__ = [
    "ACTIVATIONS",
    "FUNCTIONS",
    "OPS",
    "TIE",
    "Activation",
    "Add",
    "Array",
    "AtEachStep",
    "AvgPool",
    "AxisMap",
    "Cell",
    "CellState",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Dense",
    "Dot",
    "Dynamics",
    "Extremum",
    "Gather",
    "HostLayer",
    "Identity",
    "Input",
    "LocallyConnected",
    "MaxPool",
    "Multiply",
    "NeuronState",
    "Neurons",
    "Op",
    "Output",
    "OverTime",
    "PReLU",
    "Pad",
    "Permute",
    "Reduce",
    "Reshape",
    "RunningSums",
    "ScaleShift",
    "Shape",
    "Slice",
    "Standardize",
    "UnitLength",
    "Upsample",
    "as_gate",
    "as_rate_domain",
    "is_gate",
    "is_population",
    "pass_winners",
    "running_sums",
    "sample_keys",
    "uniform",
]

OPS: Mapping[str, type[Op]] = {
    op.__name__: op
    for op in (
        Activation,
        Add,
        AtEachStep,
        AvgPool,
        AxisMap,
        Cell,
        Concatenate,
        Conv,
        ConvTranspose,
        Crop,
        Dense,
        Dot,
        Extremum,
        Gather,
        HostLayer,
        Identity,
        Input,
        LocallyConnected,
        MaxPool,
        Multiply,
        Neurons,
        Output,
        OverTime,
        PReLU,
        Pad,
        Permute,
        Reduce,
        Reshape,
        ScaleShift,
        Slice,
        Standardize,
        UnitLength,
        Upsample,
    )
}
"""Every op by its name, as files write it."""
