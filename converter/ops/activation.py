"""Activation: the non-linear functions of Keras, by Keras's names, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from math import sqrt
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, one_shape

__all__ = ["ACTIVATIONS", "FUNCTIONS", "Activation"]

# The constants of SELU: Klambauer et al. 2017, "Self-Normalizing Neural Networks", eq. 14
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    y = np.where(x >= threshold, x, negative_slope * (x - threshold))
    if max_value is not None:
        y = np.minimum(y, max_value)
    return np.asarray(y)


def _softmax(x: Array, axis: int = -1) -> Array:
    # the axis counts the batch, as in Keras
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=axis, keepdims=True))


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, np.zeros((), x.dtype))


def _elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _gelu(x: Array, approximate: bool = False) -> Array:
    if approximate:
        return np.asarray(0.5 * x * (1 + np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))))
    from scipy.special import erf

    return np.asarray(0.5 * x * (1 + erf(x / sqrt(2))))


ACTIVATIONS: Mapping[str, Callable[..., Array]] = {
    "linear": lambda x: x,
    "relu": _relu,
    "relu6": lambda x: _relu(x, max_value=6.0),
    "leaky_relu": lambda x, negative_slope=0.2: _relu(x, negative_slope=negative_slope),
    "softmax": _softmax,
    "log_softmax": lambda x, axis=-1: np.log(_softmax(x, axis)),
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    # Keras 2 had another slope: 0.2 x + 0.5, https://keras.io/2.15/api/layers/activations/
    "hard_sigmoid_keras2": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "elu": _elu,
    "celu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)),
    "selu": lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA),
    "exponential": np.exp,
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "swish": lambda x: x * _sigmoid(x),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "squareplus": lambda x, b=4.0: (x + np.sqrt(x * x + b)) / 2,
}
"""Each activation function of Keras by its name; the arguments after the first are the layer's own."""

FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    **ACTIVATIONS,
    "absolute": np.abs,
    "square": np.square,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
}
"""The activations, and the functions of one value that operations such as ``ops.abs`` compute."""


def _of_one_value(x: Array) -> Array:
    """Take what NumPy's functions take here."""
    return x


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Op):
    """A non-linear function of each value (softmax: of each row).

    Attributes
    ----------
    function
        A key of `FUNCTIONS`.
    arguments
        Its arguments by name: ``{"negative_slope": 0.1}``.
    """

    linear: ClassVar[bool] = False

    function: str
    arguments: Mapping[str, float | int | bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise ValueError(f"expected a function out of {', '.join(FUNCTIONS)}, received {self.function!r}")
        function = FUNCTIONS[self.function]
        try:
            # NumPy's own functions take no arguments of a layer, and tell no signature before NumPy 2.4
            signature(_of_one_value if isinstance(function, np.ufunc) else function).bind(None, **self.arguments)
        except TypeError as error:
            raise ValueError(f"{self.function}: {error}") from None

    @property
    def is_relu(self) -> bool:
        """Say whether this is the plain ReLU, max(x, 0): what a spiking neuron computes."""
        plain: dict[str, float | int | bool | None] = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}
        return self.function == "relu" and {**plain, **self.arguments} == plain

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        axis = self.arguments.get("axis")
        if axis is not None and not (0 < axis <= len(shape) or -len(shape) <= axis < 0):
            raise ValueError(f"{self.function} expected an axis other than the batch, received {axis} for {shape}")
        return shape

    def apply(self, *values: Array) -> Array:
        (x,) = values
        return np.asarray(FUNCTIONS[self.function](x, **self.arguments), dtype=x.dtype)
