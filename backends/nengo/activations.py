"""Which Nengo neuron type stands for an activation: the default map, and swap_activations before and after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import nengo
from nengo.neurons import NeuronType
from nengo.params import iter_params

from ...converter.ops import ACTIVATIONS, Activation, Op
from ...errors import UsageError
from .neuron_type import LeakyReLU
from .ops import HostFunction

__all__ = ["ACTIVATION_MAP", "SwapActivations", "activation_key", "neuron_or_op", "with_amplitude"]

ACTIVATION_MAP: Mapping[str, NeuronType] = {
    "relu": nengo.RectifiedLinear(),
    "sigmoid": nengo.Sigmoid(tau_ref=1),
    "tanh": nengo.Tanh(tau_ref=1),
}
"""The neuron types that compute an activation exactly, as rates; "linear" is a passthrough Node."""

_ALIASES = {"swish": "silu", "hard_swish": "hard_silu", "softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}
# functions of TensorFlow and JAX that compute what Keras's of the same name does
_FOREIGN = ("relu", "relu6", "elu", "selu", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign", "silu")


def activation_key(activation: Any) -> Any:
    """Return what tells activations apart: a name for Keras's own, also where TensorFlow's is given; else the object.

    Raises
    ------
    UsageError
        For a name that Keras does not have.
    """
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        name = _ALIASES.get(activation, activation)
        if name not in ACTIVATIONS:
            raise UsageError(f"expected an activation out of {', '.join(ACTIVATIONS)}, received {activation!r}")
        return name
    if isinstance(activation, NeuronType):
        return activation
    root = str(getattr(activation, "__module__", "")).split(".")[0]
    name = str(getattr(activation, "__name__", ""))
    name = _ALIASES.get(name, name)
    known = name in ACTIVATIONS if root == "keras" else root in ("tensorflow", "jax") and name in _FOREIGN
    return name if known else activation


class SwapActivations(Mapping[Any, Any]):
    """Activation or neuron type → the one to use instead; it remembers which keys were of use.

    Parameters
    ----------
    swaps
        Keys and values are Keras activations (functions or names) or Nengo neuron types.
    """

    def __init__(self, swaps: Mapping[Any, Any] | None = None) -> None:
        self._swaps = dict(swaps or {})
        self._given = {activation_key(key): key for key in self._swaps}
        self._used: set[Any] = set()
        for value in self._swaps.values():
            activation_key(value)  # a misspelt name is told before anything is built

    def __getitem__(self, activation: Any) -> Any:
        given = self._given[activation_key(activation)]
        self._used.add(activation_key(activation))
        return self._swaps[given]

    def __contains__(self, activation: object) -> bool:
        return activation_key(activation) in self._given  # asking is not using

    def __iter__(self) -> Iterator[Any]:
        return iter(self._swaps)

    def __len__(self) -> int:
        return len(self._swaps)

    def __repr__(self) -> str:
        return repr(self._swaps)

    def unused_keys(self) -> set[Any]:
        """Return the keys that no layer of the model asked for."""
        return {given for key, given in self._given.items() if key not in self._used}


def neuron_or_op(activation: Op | Callable[..., Any], swaps: SwapActivations) -> tuple[NeuronType | Op | None, bool]:
    """Return what an activation becomes, and whether a swap made it another function.

    Parameters
    ----------
    activation
        The op of one of Keras's activations, or a function of the user's own.

    Returns
    -------
    target
        A neuron type; an op for a tensor node; None where there is nothing to compute.
    swapped
        Whether it came from ``swaps``.
    """
    key = _key_of(activation) if isinstance(activation, Activation) else activation
    first = swaps.get(key, key)
    mapped = first if isinstance(first, NeuronType) else _default(first, activation)
    last = swaps.get(mapped, mapped) if _is_key(mapped) else mapped
    swapped = first is not key or last is not mapped
    last_key = activation_key(last) if _is_key(last) else last
    if isinstance(last_key, NeuronType):
        return last_key, swapped
    if last_key == "linear":
        return None, swapped
    if not swapped and isinstance(activation, Op):
        return activation, False
    return (Activation(function=last_key) if isinstance(last_key, str) else HostFunction(function=last)), swapped


def _is_key(value: Any) -> bool:
    return not isinstance(value, Op)


def _default(first: Any, activation: Any) -> Any:
    """Return the neuron type of the default map, or what came in where there is none."""
    key = activation_key(first)
    if key == "leaky_relu" and isinstance(activation, Activation):
        return LeakyReLU(float(activation.arguments.get("negative_slope") or 0.2))
    return ACTIVATION_MAP.get(key, first) if isinstance(key, str) else first


def _key_of(op: Activation) -> Any:
    """Return an activation's name; an op whose arguments make it another function stands for itself."""
    if op.is_relu:
        return "relu"
    arguments = {name: value for name, value in op.arguments.items() if value}
    if op.function == "relu" and set(arguments) == {"negative_slope"}:
        return "leaky_relu"
    if op.function == "relu" and arguments == {"max_value": 6.0}:
        return "relu6"
    return op.function if not arguments or op.function == "softmax" else op


def with_amplitude(neuron_type: NeuronType, scale: float) -> NeuronType:
    """Return a copy of a neuron type with its amplitude divided by ``scale``; the given one is left as it is."""
    parameters = list(inspect.signature(type(neuron_type).__init__).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    if len(names) < len(parameters):  # the rest goes to the class above: Nengo lists all that an object has
        names = [*dict.fromkeys([*names, *iter_params(neuron_type)])]
    missing = [name for name in names if not hasattr(neuron_type, name)]
    if missing:
        raise UsageError(
            f"{type(neuron_type).__name__}: expected a neuron type that keeps its arguments as attributes, "
            f"so that it can be copied with another amplitude; {', '.join(missing)} is missing"
        )
    arguments = {name: getattr(neuron_type, name) for name in names}
    return type(neuron_type)(**{**arguments, "amplitude": neuron_type.amplitude / scale})
