"""How configs count the uses of a nested model: from 0 or from 1, by who wrote them and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .references import Key

__all__ = ["CountedFromOne", "counted_from_one", "from_zero"]


class CountedFromOne(NamedTuple):
    """The names of the nested models whose uses are counted from 1: where layers read them, where outputs name them."""

    among_layers: set[str]
    among_outputs: set[str]


def counted_from_one(
    nested: Iterable[tuple[str, str, Sequence[Any]]], inside: Sequence[Key], outputs: Sequence[Key]
) -> CountedFromOne:
    """Return the nested models whose making counts as their use 0.

    It does for layers and outputs in Keras 2, for outputs only (and Sequential models excepted) in Keras 3.

    Parameters
    ----------
    nested
        Name, class name and ``inbound_nodes`` of each nested model.
    inside, outputs
        What the layers read, and what the outputs name.
    """
    result = CountedFromOne(set(), set())
    for name, layer_type, nodes in nested:
        of_keras3 = any(isinstance(node, Mapping) and "args" in node for node in nodes)
        counted = outputs if of_keras3 else [*inside, *outputs]
        if any(key[:2] == (name, 0) for key in counted):
            continue
        if not of_keras3:
            result.among_layers.add(name)
        if not of_keras3 or layer_type != "Sequential":
            result.among_outputs.add(name)
    return result


def from_zero(key: Key, counted_from_one: set[str]) -> Key:
    """Return a reference with the use counted from 0."""
    name, use, index = key
    return (name, use - 1, index) if name in counted_from_one else key
