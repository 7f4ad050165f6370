"""ObjectMap: nengo objects found by Keras tensors, by Keras layers, or by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .live_calls import tensor_key

__all__ = ["MapEntry", "ObjectMap"]


@dataclass(frozen=True, eq=False, kw_only=True)
class MapEntry:
    """One nengo object with all that it is found by.

    Attributes
    ----------
    objects
        One for each output tensor of the layer call; nearly always one.
    ends
        The graph nodes that they stand for.
    """

    name: str
    objects: tuple[Any, ...]
    ends: tuple[str, ...] = ()
    tensors: tuple[Any, ...] = ()
    layer: Any = None

    @property
    def value(self) -> Any:
        """Return the object, or the tuple of them where there are several."""
        return self.objects[0] if len(self.objects) == 1 else self.objects

    def of_tensor(self, key: Any) -> MapEntry | None:
        """Return the part of the entry that belongs to one of its output tensors, None for another tensor."""
        keys = [tensor_key(tensor) for tensor in self.tensors]
        if key not in keys:
            return None
        place = slice(keys.index(key), keys.index(key) + 1)
        return MapEntry(name=self.name, objects=self.objects[place], ends=self.ends[place])


class ObjectMap(Mapping[Any, Any]):
    """A mapping from tensors, lists of tensors, layers and names to nengo objects.

    It iterates over tuples of tensors (over names for a model that was read from a file), in the order of the model.

    Parameters
    ----------
    entries
        What the mapping holds.
    inside
        What is found by layer or name beside that: the layers inside nested models.
    """

    def __init__(self, entries: Iterable[MapEntry], inside: Iterable[MapEntry] = ()) -> None:
        self._entries = tuple(entries)
        self._all = (*self._entries, *inside)

    def __getitem__(self, key: Any) -> Any:
        return self.entry(key).value

    def entry(self, key: Any) -> MapEntry:
        """Return the entry that a key belongs to.

        Raises
        ------
        KeyError
            For a key that is not part of the model, or that belongs to several uses of a layer.
        """
        found = self._found(key)
        if not found:
            names = ", ".join(entry.name for entry in self._entries)
            raise KeyError(f"{key} is not part of the model; it has {names}")
        if len(found) > 1:
            raise KeyError(
                f"Layer {key} is ambiguous because it has been called multiple times; "
                "use a specific set of layer outputs as key instead"
            )
        return found[0]

    def _found(self, key: Any) -> list[MapEntry]:
        if isinstance(key, str):
            return [e for e in self._all if e.name == key]
        wanted = [tensor_key(tensor) for tensor in (key if isinstance(key, (list, tuple)) else [key])]
        if None in wanted:
            return [e for e in self._all if e.layer is key]
        if len(wanted) == 1:
            # the same inner tensors stand for each use of a nested model, so several may be found
            parts = (e.of_tensor(wanted[0]) for e in self._all)
            return [part for part in parts if part is not None]
        return [e for e in self._all if {tensor_key(t) for t in e.tensors} == set(wanted)]

    def __iter__(self) -> Iterator[Any]:
        return iter([entry.tensors or entry.name for entry in self._entries])

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{e.name}: {e.value}' for e in self._entries)}}}"
