"""LayerCall and ModelRecord: what every reader makes, whatever wrote the file, and all that handlers see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .ops.base import Array, Shape

__all__ = ["LayerCall", "ModelRecord"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerCall:
    """One use of one Keras layer, as plain data: what a reader makes and a handler takes.

    Attributes
    ----------
    name
        The layer's name; layers of a nested model carry that model's name first, ``"encoder/conv1"``, and a second use
        of a layer carries a number, ``"dense:1"``.
    layer_type
        The Keras class name: ``"Dense"``, ``"Conv2D"``.
    config
        The layer's arguments in the spelling of Keras 3, whichever version wrote them.
    weights
        Weight name → value: ``"kernel"``, ``"bias"``, ``"gamma"`` …
    inputs
        The names of the calls whose outputs this one takes.
    input_shapes
        The shape of one sample of each input; filled in when the graph is built, () before.
    refusal
        A code of the report's catalogue and details, where the reader knows that no layer of Keras 3 computes the same.
    notes
        Codes of the report's catalogue and details, for what the reader did that a user should know.
    """

    name: str
    layer_type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Array] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    input_shapes: tuple[Shape, ...] = ()
    refusal: tuple[str, str] = ("", "")
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def input_shape(self) -> Shape:
        """Return the shape of one sample of the first input."""
        return self.input_shapes[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelRecord:
    """A whole model as plain data.

    Attributes
    ----------
    name
        The Keras model's name.
    origin
        The file's path, or the type of the live object.
    keras_version
        The version that wrote it, "" where it does not say.
    digest
        The file's SHA-256, "" for a live model.
    calls
        Every layer call; inputs before the calls that read them.
    outputs
        Keras output name → name of the call that makes it.
    """

    name: str
    origin: str
    keras_version: str
    digest: str = ""
    calls: tuple[LayerCall, ...]
    outputs: Mapping[str, str]
