"""What a layer is called with, as a config holds it: references to tensors of other layers, and other arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Arguments", "Key", "arguments_of", "keys_of"]

Key = tuple[str, int, int]  # layer name, which use of it, which of its outputs

_MAX_DEPTH = 32
_SILENT = ("mask", "training")  # where they are None or False, they change nothing
_CONSTANT = "_CONSTANT_VALUE"


@dataclass
class Arguments:
    """The arguments of one use of a layer.

    Attributes
    ----------
    keys
        The tensors that it reads, in order.
    args, kwargs
        All arguments as plain values, with ``{"input": n}`` for the n-th tensor.
    """

    keys: list[Key] = field(default_factory=list)
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def has_constants(self) -> bool:
        """Say whether a positional argument holds anything but tensors."""
        return any(_has_constants(value) for value in self.args)

    def to_config(self) -> dict[str, Any] | None:
        """Return what is worth a place in the layer's config; None if it is called with tensors only."""
        return {"args": self.args, "kwargs": self.kwargs} if self.kwargs or self.has_constants else None


def keys_of(value: Any) -> list[Key]:
    """Return every tensor reference inside a part of a config, in order: Keras 2's lists and Keras 3's histories."""
    return arguments_of(value).keys


def arguments_of(node: Any) -> Arguments:
    """Return the arguments of one use of a layer, an entry of its ``inbound_nodes``.

    Keras 1 and 2 write ``[[layer, use, output, kwargs], …]``, Keras 3 ``{"args": […], "kwargs": {…}}``.
    """
    found = Arguments()
    if isinstance(node, Mapping) and "class_name" not in node:
        args, kwargs = node.get("args"), node.get("kwargs")
        found.args = [_plain(value, found, 0) for value in args] if isinstance(args, (list, tuple)) else []
        if isinstance(kwargs, Mapping):
            _add_kwargs(kwargs, found, 0)
        if "args" not in node and "kwargs" not in node:  # the inputs or outputs of a model by name
            found.args = [_plain(node[key], found, 0) for key in sorted(node, key=str)]
    else:
        found.args = [_plain(node, found, 0)]
    return found


def _add_kwargs(kwargs: Mapping[str, Any], found: Arguments, depth: int) -> None:
    for name, value in kwargs.items():
        plain = _plain(value, found, depth + 1)
        if plain is not None and not (name in _SILENT and plain is False):
            found.kwargs[str(name)] = plain


def _plain(value: Any, found: Arguments, depth: int) -> Any:
    """Return a value with numbers for tensors, and add the tensors to what was found."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__" and isinstance(value.get("config"), Mapping):
            return _plain(value["config"].get("keras_history"), found, depth + 1)
        # by name: the order in which Keras numbers the tensors of a dict
        return {key: _plain(value[key], found, depth + 1) for key in sorted(value, key=str)}
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) >= 3 and value[0] == _CONSTANT:
        if len(value) > 3 and isinstance(value[3], Mapping):
            _add_kwargs(value[3], found, depth)
        return value[2]
    if len(value) >= 3 and isinstance(value[0], str) and all(type(n) is int for n in value[1:3]):
        found.keys.append((value[0], value[1], value[2]))
        tensor = {"input": len(found.keys) - 1}
        for item in value[3:]:  # Keras 2 keeps further arguments, tensors among them, behind the reference
            if isinstance(item, Mapping):
                _add_kwargs(item, found, depth)
        return tensor
    return [_plain(item, found, depth + 1) for item in value]


def _has_constants(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_constants(item) for item in value)
    return value is not None and not (isinstance(value, dict) and set(value) == {"input"})
