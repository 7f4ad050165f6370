"""Values from a file, checked against the types that a dataclass declares for its fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from .ops import Array

__all__ = ["check_fields"]


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Check values for the fields of a dataclass.

    Raises
    ------
    ValueError
        For a field that the class does not have, one that is missing, or a value of another type.
    """
    declared = {f.name: f for f in dataclasses.fields(kind)}
    for name, value in values.items():
        if name not in declared:
            raise ValueError(f"{kind.__name__}: expected fields out of {', '.join(declared)}, received {name!r}")
        if not _fits(value, _hints(kind)[name]):
            raise ValueError(f"{kind.__name__}.{name}: expected {declared[name].type}, received {type(value).__name__}")
    for name, field in declared.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in values:
            raise ValueError(f"{kind.__name__}: expected a field {name}, found none")


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if hint == Array:
        return isinstance(value, np.ndarray)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, h) for h in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        hints = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(hints) == len(value) and all(map(_fits, value, hints))
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, type(None) if hint is None else hint)
