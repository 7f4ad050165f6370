"""Spelled and Writer: one layer on its way to the spelling of Keras 3, and what wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Spelled", "Writer", "pair", "renamed"]


@dataclass(frozen=True)
class Writer:
    """What wrote a model.

    Attributes
    ----------
    version
        The version of Keras, ``"2.4.0"``, ``"2.2.4-tf"``; "" where nothing is known.
    backend
        ``"theano"``, ``"tensorflow"`` …; "" where nothing is known.
    """

    version: str = ""
    backend: str = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return ``"2.4.0-tf"`` as (2, 4, 0); () where nothing is known."""
        numbers = []
        for part in self.version.replace("-", ".").split("."):
            if not part.isdigit():
                break
            numbers.append(int(part))
        return tuple(numbers)

    @property
    def is_keras1(self) -> bool:
        """Say whether it was Keras 1."""
        return bool(self.numbers) and self.numbers < (2,)

    @property
    def is_before_keras3(self) -> bool:
        """Say whether it was Keras 1 or 2, or cannot be told."""
        return self.numbers < (3,)

    @property
    def is_theano(self) -> bool:
        """Say whether Theano computed the model: its convolutions turn the kernel."""
        return self.backend == "theano"


@dataclass(frozen=True)
class Spelled:
    """One layer: its class name and arguments, on the way to the spelling of Keras 3.

    Attributes
    ----------
    before, after
        Layers without weights that do a part of its work, in order: (what they do, layer).
    refusal
        A code of the report's catalogue and details, where Keras 3 has no words for what the layer computes.
    notes
        Codes of the report's catalogue and details, for what a user should know.
    """

    layer_type: str
    config: Mapping[str, Any]
    before: tuple[tuple[str, Spelled], ...] = ()
    after: tuple[tuple[str, Spelled], ...] = ()
    refusal: tuple[str, str] = ("", "")
    notes: tuple[tuple[str, str], ...] = ()


def renamed(config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a config with arguments under new names; an argument that has its new name already keeps its value."""
    result = {key: value for key, value in config.items() if key not in names}
    for old, new in names.items():
        if old in config:
            result.setdefault(new, config[old])
    return result


def pair(value: Any, rank: int) -> tuple[int, ...] | None:
    """Return one whole number for each of ``rank`` axes, from a number or a list; None for anything else."""
    numbers = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    good = all(isinstance(n, int) and not isinstance(n, bool) for n in numbers)
    return numbers if len(numbers) == rank and good else None
