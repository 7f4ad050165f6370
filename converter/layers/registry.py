"""The layer registry: one handler for each Keras layer type, with the argument values that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import UsageError
from ..layer_call import LayerCall
from ..ops import Op
from ..report import REASONS

__all__ = ["Handler", "LayerRegistry", "Registration", "UnsupportedLayerError", "WrapperHandler"]

Handler = Callable[[LayerCall], Sequence[Op]]
"""Takes a layer call, returns the ops that compute it: the first reads the layer's inputs, the next the one before."""

WrapperHandler = Callable[[LayerCall, "LayerRegistry"], Sequence[Op]]
"""The same for a layer around a layer: it also takes the registry in which to look up the one inside."""


class UnsupportedLayerError(Exception):
    """A handler's word that a layer cannot be converted: a code of the report's catalogue and the details.

    It never leaves the converter: the lowering turns it into a report entry.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the registry knows of a layer type.

    Attributes
    ----------
    handler
        None for a type that is refused.
    wraps
        Whether the handler takes the registry as well, to look up the layer inside.
    accepts
        Argument → the values that the handler takes; an argument that is not named here may have any value.
    fallback
        Takes the call when an argument has another value; None refuses it.
    refusal
        The code with which the type is refused; "" where there is a handler.
    """

    layer_type: str
    handler: Callable[..., Sequence[Op]] | None = None
    wraps: bool = False
    accepts: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    fallback: Handler | None = None
    refusal: str = ""

    @property
    def summary(self) -> str:
        """Return what becomes of the layer, in a line."""
        if self.handler is None:
            return f"refused: {REASONS[self.refusal].what}"
        return (self.handler.__doc__ or "").strip().split("\n")[0].rstrip(".")


class LayerRegistry:
    """Keras layer types and their handlers.

    Parameters
    ----------
    parent
        A registry to look in for what this one does not hold.
    """

    def __init__(self, parent: LayerRegistry | None = None) -> None:
        self._parent = parent
        self._own: dict[str, Registration] = {}

    def child(self) -> LayerRegistry:
        """Return a registry that adds to this one, for handlers of your own; theirs come first."""
        return LayerRegistry(self)

    def register(
        self, *layer_types: str, fallback: Handler | None = None, **accepts: tuple[Any, ...]
    ) -> Callable[[Handler], Handler]:
        """Register a handler for layer types, as a decorator.

        Parameters
        ----------
        layer_types
            Keras class names.
        fallback
            A handler for calls whose arguments this one does not take.
        accepts
            Argument → the values that the handler takes.

        Raises
        ------
        UsageError
            When a type has a handler already in this very registry.
        """

        def add(handler: Handler) -> Handler:
            for layer_type in layer_types:
                self._add(Registration(layer_type=layer_type, handler=handler, accepts=accepts, fallback=fallback))
            return handler

        return add

    def register_wrapper(self, *layer_types: str) -> Callable[[WrapperHandler], WrapperHandler]:
        """Register a handler for layers around a layer, as a decorator; it also takes the registry that was asked."""

        def add(handler: WrapperHandler) -> WrapperHandler:
            for layer_type in layer_types:
                self._add(Registration(layer_type=layer_type, handler=handler, wraps=True))
            return handler

        return add

    def refuse(self, *layer_types: str, code: str) -> None:
        """Say that layer types cannot be converted, with a code of the report's catalogue."""
        for layer_type in layer_types:
            self._add(Registration(layer_type=layer_type, refusal=REASONS[code].code))

    def _add(self, registration: Registration) -> None:
        if registration.layer_type in self._own:
            raise UsageError(
                f"{registration.layer_type}: expected a layer type without a handler, this one has one; "
                "put yours in LAYERS.child()"
            )
        self._own[registration.layer_type] = registration

    def __getitem__(self, layer_type: str) -> Registration:
        if layer_type in self._own:
            return self._own[layer_type]
        if self._parent is None:
            raise KeyError(f"expected a registered layer type, received {layer_type!r}")
        return self._parent[layer_type]

    def __contains__(self, layer_type: object) -> bool:
        return layer_type in self._own or (self._parent is not None and layer_type in self._parent)

    def __iter__(self) -> Iterator[Registration]:
        above = {r.layer_type: r for r in self._parent} if self._parent is not None else {}
        return iter(sorted({**above, **self._own}.values(), key=lambda r: r.layer_type))

    @property
    def for_inner_layers(self) -> LayerRegistry:
        """Return the registry in which wrappers look up the layer inside."""
        return self

    def lower(self, call: LayerCall) -> tuple[Op, ...]:
        """Return the ops that compute a layer call.

        Raises
        ------
        UnsupportedLayerError
            With the reason.
        """
        layer_type = call.layer_type
        if layer_type.startswith("ops.") and layer_type not in self:
            layer_type = "ops.*"  # any operation of keras.ops
        if layer_type not in self:
            raise UnsupportedLayerError("unknown-layer")
        entry = self[layer_type]
        if entry.handler is None:
            raise UnsupportedLayerError(entry.refusal)
        for argument, accepted in entry.accepts.items():
            value = _plain(call.config.get(argument, accepted[0]))
            if value not in accepted:
                if entry.fallback is not None:
                    return tuple(entry.fallback(call))
                known = ", ".join(map(repr, accepted))
                raise UnsupportedLayerError("unsupported-argument", f"{argument}={value!r}; takes {known}")
        return tuple(entry.handler(call, self.for_inner_layers) if entry.wraps else entry.handler(call))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
