"""How an operation was called: which of its operands are inputs, which are constants, and its arguments by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layer_call import LayerCall
from ..ops import Array
from .registry import UnsupportedLayerError

__all__ = ["Operands", "operands", "sample_constant"]

_TOLD_ELSEWHERE = ("name", "dtype", "trainable")  # arguments that change nothing at inference


@dataclass(frozen=True)
class Operands:
    """What an operation was called with.

    Attributes
    ----------
    values
        Its positional operands in order: None stands for the next input, anything else is a constant.
    named
        The other arguments by name, from the call and from the layer's config.
    """

    values: tuple[Array | None, ...]
    named: Mapping[str, Any]

    def argument(self, *names: str, default: Any = None) -> Any:
        """Return an argument that goes by one of these names."""
        return next((self.named[n] for n in names if n in self.named), default)


def operands(call: LayerCall, parameters: Sequence[str] = (), others: Sequence[str] = ()) -> Operands:
    """Read a call; the positional constants behind the inputs are given the names of the parameters in order.

    Raises
    ------
    UnsupportedLayerError
        For an argument with a value that is neither a parameter nor one of the others: it may change the result.
    """
    given = _all_operands(call, parameters)
    known = (*parameters, *others, *_TOLD_ELSEWHERE)
    for name, value in given.named.items():
        if name not in known and value is not None and value is not False:
            raise UnsupportedLayerError("unsupported-argument", f"{name}={value!r:.40}; takes none")
    return given


def _all_operands(call: LayerCall, parameters: Sequence[str]) -> Operands:
    named = dict(call.config)
    named.pop("function", None)
    arguments = named.pop("call_arguments", None)
    if arguments is None:
        return Operands((None,) * len(call.inputs), named)
    flat: list[Any] = []
    for value in arguments["args"]:
        several = isinstance(value, list) and value and all(_is_input(v) for v in value)
        flat += value if several else [value]
    kwargs = dict(arguments["kwargs"])
    for name in ("x", "y", "x1", "x2"):  # TensorFlow passes the second operand by name
        if name in kwargs:
            flat.append(kwargs.pop(name))
    if isinstance(kwargs.get("values"), list):
        flat += kwargs.pop("values")
    named |= kwargs
    values: list[Array | None] = []
    waiting = list(parameters)
    for value in flat:
        if _is_input(value):
            values.append(None)
        elif waiting and values:
            named.setdefault(waiting.pop(0), value)
        else:
            values.append(_constant(value))
    return Operands(tuple(values), named)


def _is_input(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"input"}


def _constant(value: Any) -> Array:
    if isinstance(value, Mapping) and value.get("class_name") == "__numpy__":
        value = value["config"]["value"]
    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        raise UnsupportedLayerError("unsupported-argument", f"the constant {value!r:.40}; takes numbers") from None
    if not np.isfinite(array).all():
        raise UnsupportedLayerError("unsupported-argument", "a constant that is not finite; takes numbers")
    return array


def sample_constant(call: LayerCall, array: Array) -> Array:
    """Return a constant that broadcasts against a sample: without the batch axis, which must not have a size."""
    rank = len(call.input_shape)
    if array.ndim > rank:
        if array.ndim > rank + 1 or array.shape[0] != 1:
            raise UnsupportedLayerError("unsupported-argument", f"a constant of shape {array.shape} beside the batch")
        array = array[0]
    return array if array.ndim else array.reshape(1)
