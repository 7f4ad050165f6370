"""Report: one entry for each Keras layer and notes on the whole, collected on the way and frozen at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import ConversionError
from ..field_types import check_fields
from .reasons import REASONS, Reason, Severity

__all__ = ["Entry", "Report", "ReportBuilder"]

Figure = float | int | str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one layer (or a note on the whole network, with an empty layer name).

    Attributes
    ----------
    code
        A key of `REASONS`.
    detail
        What is particular to this layer, added to the reason's own words.
    figures
        Numbers by name: neurons, parameters, threshold …
    """

    code: str
    layer: str = ""
    layer_type: str = ""
    detail: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def reason(self) -> Reason:
        """Return the catalogue's reason for this code."""
        return REASONS[self.code]

    @property
    def severity(self) -> Severity:
        """Return the severity of the reason."""
        return self.reason.severity

    @property
    def sentence(self) -> str:
        """Return what was done and why, with this layer's details."""
        return f"{self.reason.what} ({self.detail})" if self.detail else self.reason.what

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return {
            "name": self.layer,
            "type": self.layer_type,
            "code": self.code,
            "severity": self.severity.value,
            "reason": self.sentence,
            "remedy": self.reason.remedy,
            "detail": self.detail,
            "figures": dict(self.figures),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Entry:
        """Return the entry that `to_json` wrote."""
        fields = {name: values[name] for name in ("code", "detail", "figures")}
        fields |= {"layer": values["name"], "layer_type": values["type"]}
        check_fields(cls, fields)
        if fields["code"] not in REASONS:
            raise ValueError(f"expected a code of the catalogue, received {fields['code']!r}")
        return cls(**fields)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of every layer, why, and what to do about it. ``print(report)`` shows it as a table.

    Attributes
    ----------
    model
        The Keras model's name.
    layers
        One entry for each layer call, in the model's order.
    notes
        Entries about the whole network.
    backend
        The backend that was asked about as well, "" where none was.
    placement
        What that backend makes of each part: an entry with the part's name as its layer.
    """

    model: str
    layers: tuple[Entry, ...]
    notes: tuple[Entry, ...] = ()
    backend: str = ""
    placement: tuple[Entry, ...] = ()

    @property
    def convertible(self) -> bool:
        """Say whether nothing in the report is unsupported."""
        return not self.unsupported

    @property
    def unsupported(self) -> tuple[Entry, ...]:
        """Return the entries that stop the conversion."""
        return tuple(e for e in (*self.layers, *self.notes) if e.severity is Severity.UNSUPPORTED)

    def with_placement(self, backend: str, placement: Iterable[Entry]) -> Report:
        """Return the report with what a backend makes of each part."""
        return replace(self, backend=backend, placement=tuple(placement))

    def require_convertible(self) -> None:
        """Raise a ConversionError that names every layer that cannot be converted, if there is one."""
        # a layer that only follows an unsupported one adds no reason of its own
        causes = [e for e in self.unsupported if e.code != "after-unsupported"]
        if not causes:
            return
        grouped: dict[str, list[str]] = {}
        for e in causes:
            grouped.setdefault(e.sentence, []).append(f"{e.layer} ({e.layer_type})")
        named = "; ".join(f"{', '.join(layers)}: {sentence}" for sentence, layers in grouped.items())
        remedies = dict.fromkeys(e.reason.remedy for e in causes if e.reason.remedy)
        raise ConversionError(f"{self.model} cannot be converted: {named}. To fix it: {'; '.join(remedies)}.", self)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "model": self.model,
            "convertible": self.convertible,
            "layers": [e.to_json() for e in self.layers],
            "notes": [e.to_json() for e in self.notes],
            "backend": self.backend,
            "placement": [e.to_json() for e in self.placement],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Report:
        """Return the report that `to_json` wrote."""
        parts = {name: tuple(Entry.from_json(v) for v in values[name]) for name in ("layers", "notes")}
        fields = {"model": values["model"], **parts}
        check_fields(cls, fields)
        return cls(**fields)

    def __str__(self) -> str:
        from .text import report_text

        return report_text(self)


class ReportBuilder:
    """Collects entries while a model goes through the stages; stages add to it and never warn or print."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._layers: dict[str, Entry] = {}
        self._notes: list[Entry] = []

    def layer(self, entry: Entry) -> None:
        """Add the entry of a layer, or put a later stage's word in place of an earlier one's."""
        self._layers[entry.layer] = entry

    def became(self, layers: Iterable[str], code: str, detail: str = "", **figures: Figure) -> None:
        """Say what a later stage made of layers; figures are added to those that are there."""
        for name in layers:
            entry = self._layers[name]
            self._layers[name] = replace(entry, code=code, detail=detail, figures={**entry.figures, **figures})

    def figures(self, layers: Iterable[str], **figures: Figure) -> None:
        """Add figures to layers without changing what became of them."""
        for name in layers:
            entry = self._layers[name]
            self._layers[name] = replace(entry, figures={**entry.figures, **figures})

    def note(self, code: str, detail: str = "", **figures: Figure) -> None:
        """Add a note on the whole network."""
        self._notes.append(Entry(code=code, detail=detail, figures=figures))

    def adopt(self, other: ReportBuilder) -> None:
        """Say what another builder says, in place of all that was said so far."""
        self._layers, self._notes = dict(other._layers), list(other._notes)

    def code_of(self, layer: str) -> str:
        """Return the code that a layer has so far."""
        return self._layers[layer].code

    def build(self) -> Report:
        """Return the report as it stands."""
        return Report(model=self._model, layers=tuple(self._layers.values()), notes=tuple(self._notes))
