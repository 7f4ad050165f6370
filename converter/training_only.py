"""Regularisers and constraints: arguments that act in training only, found so that the report can say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .layer_call import ModelRecord
from .report import ReportBuilder

__all__ = ["note_training_only", "training_only_arguments"]

_ENDINGS = ("_regularizer", "_constraint")


def training_only_arguments(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the arguments of a layer, or of the layer inside a wrapper, that set a regulariser or a constraint."""
    names = tuple(name for name, value in config.items() if name.endswith(_ENDINGS) and value)
    inner = config.get("layer")
    if isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
        names += training_only_arguments(inner["config"])
    return names


def note_training_only(record: ModelRecord, report: ReportBuilder) -> None:
    """Say in one note which regularisers and constraints of which layers were left aside."""
    layers: dict[str, list[str]] = {}
    for call in record.calls:
        for argument in dict.fromkeys(training_only_arguments(call.config)):
            layers.setdefault(argument, []).append(call.name)
    if layers:
        report.note("training-only", "; ".join(f"{name} of {', '.join(of)}" for name, of in layers.items()))
