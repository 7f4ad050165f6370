"""From a model's config to LayerCalls: Sequential and Functional, nested, shared, in the spelling of Keras 2 and 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ...errors import SourceError
from ..layer_call import LayerCall
from ..ops.base import Array, Shape
from .versions import normalised

__all__ = ["MODEL_TYPES", "WeightStore", "calls_of_model"]

MODEL_TYPES = ("Sequential", "Functional", "Model")
_MAX_DEPTH = 32
_MAX_CALLS = 100_000

Key = tuple[str, int, int]  # layer name, which use of it, which of its outputs


class WeightStore(Protocol):
    """Where the weights of a model's layers are found."""

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path: the names of the models around it, then its own."""
        ...


class _Layer(NamedTuple):
    """One entry of a config's list of layers."""

    name: str
    layer_type: str
    config: Mapping[str, Any]
    nodes: tuple[Any, ...]


@dataclass(frozen=True)
class _Walk:
    """What stays the same while the models inside a model are walked through."""

    origin: str
    version: str
    store: WeightStore
    calls: list[LayerCall]


def calls_of_model(
    model: Mapping[str, Any],
    store: WeightStore,
    *,
    origin: str,
    version: str,
    input_shape: Shape | None = None,
) -> tuple[tuple[LayerCall, ...], dict[str, str]]:
    """Return the layer calls of a model's config and its outputs.

    Parameters
    ----------
    model
        ``{"class_name": "Sequential" | "Functional" | "Model", "config": …}``
    input_shape
        The shape of one sample, for a model with one input whose config holds none.

    Raises
    ------
    SourceError
        When the config contradicts itself, with the layer and the field.
    """
    walk = _Walk(origin, version, store, [])
    outputs = _walk_model(walk, model, (), None, input_shape)
    named: dict[str, str] = {}
    for layer, call in outputs:
        name, number = layer, 0
        while name in named:
            number += 1
            name = f"{layer}_{number}"
        named[name] = call
    if not named:
        raise SourceError(f"{origin}: expected a model with outputs, found none")
    return tuple(walk.calls), named


def _walk_model(
    walk: _Walk,
    model: Mapping[str, Any],
    path: tuple[str, ...],
    feeds: Sequence[str] | None,
    input_shape: Shape | None = None,
) -> list[tuple[str, str]]:
    """Add a model's calls and return (layer name, call name) of each of its outputs.

    ``feeds`` are the calls that the inputs of a nested model stand for; the outermost model has none.
    """
    if len(path) > _MAX_DEPTH:
        raise SourceError(f"{walk.origin}: expected models nested at most {_MAX_DEPTH} deep")
    kind = model.get("class_name")
    config = model.get("config")
    if kind == "Sequential":
        return _walk_sequential(walk, config, path, feeds, input_shape)
    if kind in MODEL_TYPES and isinstance(config, Mapping) and "layers" in config:
        return _walk_functional(walk, config, path, feeds, input_shape)
    where = "/".join(path) or "the model"
    raise SourceError(
        f"{walk.origin}: expected {where} to be a Sequential or Functional model, received {kind!r}; "
        "a subclassed model has no graph in its file: rebuild it with keras.Model(inputs, outputs)"
    )


def _walk_sequential(
    walk: _Walk, config: Any, path: tuple[str, ...], feeds: Sequence[str] | None, input_shape: Shape | None
) -> list[tuple[str, str]]:
    entries = _entries(walk, config.get("layers") if isinstance(config, Mapping) else config)
    if not entries:
        raise SourceError(f"{walk.origin}: expected a Sequential model with layers, found none")
    current: list[tuple[str, str]] = [("", f) for f in feeds] if feeds is not None else []
    if not current and entries[0].layer_type != "InputLayer":
        shape = entries[0].config.get("batch_shape")
        if shape is None and isinstance(config, Mapping):
            shape = config.get("build_input_shape")
        name = _unused(entries, f"{entries[0].name}_input")  # as Keras names it
        current = [(name, _add_input(walk, (*path, name), shape, input_shape))]
    for name, layer_type, layer_config, _ in entries:
        if layer_type == "InputLayer":
            if not current:
                shape = layer_config.get("batch_shape")
                current = [(name, _add_input(walk, (*path, name), shape, input_shape))]
            continue
        inputs = tuple(call for _, call in current)
        current = _walk_call(walk, (*path, name), layer_type, layer_config, inputs, 0)
    return current


def _walk_functional(
    walk: _Walk,
    config: Mapping[str, Any],
    path: tuple[str, ...],
    feeds: Sequence[str] | None,
    input_shape: Shape | None,
) -> list[tuple[str, str]]:
    entries = _entries(walk, config.get("layers"))
    wanted_inputs = [key[0] for key in _keys(config.get("input_layers"))]
    made: dict[Key, tuple[str, str]] = {}
    if feeds is not None:
        if len(feeds) != len(wanted_inputs):
            raise SourceError(
                f"{walk.origin}: expected {len(wanted_inputs)} inputs for {'/'.join(path)}, received {len(feeds)}"
            )
        for name, call in zip(wanted_inputs, feeds, strict=True):
            made[(name, 0, 0)] = (name, call)
    # every use of every layer, done as soon as what it reads has been done
    by_name = {layer.name: layer for layer in entries}
    ordered = [n for n in wanted_inputs if n in by_name] + [n for n in by_name if n not in wanted_inputs]
    fresh = [n for n in ordered if by_name[n].layer_type == "InputLayer" and (n, 0, 0) not in made]
    if input_shape is not None and len(fresh) != 1:
        raise SourceError(f"{walk.origin}: expected input_shape for one input only, the model has {len(fresh)}")
    for name in fresh:
        shape = by_name[name].config.get("batch_shape")
        made[(name, 0, 0)] = (name, _add_input(walk, (*path, name), shape, input_shape))
    waiting = [
        (layer.name, use, _keys(node))
        for layer in entries
        if layer.layer_type != "InputLayer"
        for use, node in enumerate(layer.nodes)
    ]
    outputs = _keys(config.get("output_layers"))
    early = _counted_from_one(entries, [key for *_, keys in waiting for key in keys], outputs)
    waiting = [(name, use, [_from_zero(key, early[0]) for key in keys]) for name, use, keys in waiting]
    outputs = [_from_zero(key, early[1]) for key in outputs]
    while waiting:
        later = []
        for name, use, keys in waiting:
            if not keys or any(key not in made for key in keys):
                later.append((name, use, keys))
                continue
            inputs = tuple(made[key][1] for key in keys)
            layer = by_name[name]
            for index, output in enumerate(
                _walk_call(walk, (*path, name), layer.layer_type, layer.config, inputs, use)
            ):
                made[(name, use, index)] = (name, output[1])
        if len(later) == len(waiting):
            names = ", ".join(sorted({name for name, *_ in later})[:5])
            raise SourceError(f"{walk.origin}: expected layers that read layers of the model, these do not: {names}")
        waiting = later
    missing = [key for key in outputs if key not in made]
    if missing:
        raise SourceError(f"{walk.origin}: expected an output layer of the model, received {missing[0][0]!r}")
    return [made[key] for key in outputs]


def _counted_from_one(entries: list[_Layer], inside: list[Key], outputs: list[Key]) -> tuple[set[str], set[str]]:
    """Return the nested models whose uses are counted from 1 where layers read them, and where outputs name them.

    Their making is use 0: for both in Keras 2, for the outputs only (and Sequential models excepted) in Keras 3.
    """
    among_layers: set[str] = set()
    among_outputs: set[str] = set()
    for layer in entries:
        if layer.layer_type not in MODEL_TYPES:
            continue
        of_keras3 = any(isinstance(node, Mapping) for node in layer.nodes)
        counted = outputs if of_keras3 else [*inside, *outputs]
        if any(name == layer.name and use == 0 for name, use, _ in counted):
            continue
        if not of_keras3:
            among_layers.add(layer.name)
        if not of_keras3 or layer.layer_type != "Sequential":
            among_outputs.add(layer.name)
    return among_layers, among_outputs


def _from_zero(key: Key, counted_from_one: set[str]) -> Key:
    name, use, index = key
    return (name, use - 1, index) if name in counted_from_one else key


def _walk_call(
    walk: _Walk, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any], inputs: tuple[str, ...], use: int
) -> list[tuple[str, str]]:
    """Add one use of a layer, or of a whole model used as a layer."""
    own = path[-1]
    if layer_type in MODEL_TYPES:
        model = {"class_name": layer_type, "config": config}
        numbered = (*path[:-1], f"{own}:{use}" if use else own)
        return [(own, call) for _, call in _walk_model(walk, model, numbered, inputs)]
    if len(walk.calls) >= _MAX_CALLS:
        raise SourceError(f"{walk.origin}: expected at most {_MAX_CALLS:,} layer calls")
    name = "/".join(path) + (f":{use}" if use else "")
    weights = walk.store.weights(tuple(p.split(":")[0] for p in path), layer_type, config)
    walk.calls.append(LayerCall(name=name, layer_type=layer_type, config=config, weights=weights, inputs=inputs))
    return [(own, name)]


def _add_input(walk: _Walk, path: tuple[str, ...], shape: Any, given: Shape | None) -> str:
    """Add an InputLayer call; its config holds the full shape of one sample."""
    name = "/".join(path)
    found = _sample_shape(shape)
    if given is not None and found is not None:
        fits = len(given) == len(found) and all(a is None or a == b for a, b in zip(found, given, strict=True))
        if not fits:
            raise SourceError(f"{walk.origin}: expected input_shape to fit the model's {found}, received {given}")
    if given is None and (found is None or any(n is None for n in found)):
        what = "no input shape" if found is None else f"an input shape with open axes, {found}"
        raise SourceError(
            f"{walk.origin}: the config of {name} holds {what}; "
            "pass the shape of one sample: input_shape=(28, 28, 1), or --input-shape 28,28,1"
        )
    final = given if given is not None else tuple(int(n) for n in found or () if n is not None)
    if any(n < 1 for n in final):
        raise SourceError(f"{walk.origin}: expected positive sizes in the input shape of {name}, received {final}")
    config = {"shape": final, "given": given is not None}
    walk.calls.append(LayerCall(name=name, layer_type="InputLayer", config=config))
    return name


def _sample_shape(shape: Any) -> tuple[int | None, ...] | None:
    """Return a batch shape without its batch axis; None if there is none."""
    if isinstance(shape, Mapping):  # one input that Keras 3 wrote as {"name": shape}
        shape = next(iter(shape.values()), None)
    if isinstance(shape, list) and len(shape) == 1 and isinstance(shape[0], list):
        shape = shape[0]
    if not isinstance(shape, (list, tuple)) or not all(n is None or isinstance(n, int) for n in shape):
        return None
    return tuple(shape[1:])


def _entries(walk: _Walk, layers: Any) -> list[_Layer]:
    """Return the layers in a config, their arguments in the spelling of Keras 3."""
    if not isinstance(layers, list):
        raise SourceError(
            f"{walk.origin}: expected a list of layers in the model's config, received {type(layers).__name__}"
        )
    entries: list[_Layer] = []
    seen: set[str] = set()
    for index, layer in enumerate(layers):
        config = layer.get("config") if isinstance(layer, Mapping) else None
        if not isinstance(layer, Mapping) or not isinstance(layer.get("class_name"), str):
            raise SourceError(f"{walk.origin}: expected layer {index} to have a class_name and a config")
        layer_type = layer["class_name"]
        if layer_type == "Sequential" and isinstance(config, list):  # Keras before 2.2.3
            config = {"layers": config}
        if not isinstance(config, Mapping):
            raise SourceError(f"{walk.origin}: expected layer {index} ({layer_type}) to have a config")
        name = layer.get("name") or config.get("name") or f"{layer_type.lower()}_{index}"
        if not isinstance(name, str) or not name:
            raise SourceError(f"{walk.origin}: expected layer {index} ({layer_type}) to have a name")
        if name in seen:
            raise SourceError(f"{walk.origin}: expected one layer called {name!r}, found two")
        seen.add(name)
        kind, plain = (
            (layer_type, config) if layer_type in MODEL_TYPES else normalised(layer_type, config, walk.version)
        )
        nodes = layer.get("inbound_nodes")
        entries.append(_Layer(name, kind, plain, tuple(nodes) if isinstance(nodes, (list, tuple)) else ()))
    return entries


def _keys(value: Any) -> list[Key]:
    """Return every tensor reference inside a part of a config, in order: Keras 2's lists and Keras 3's histories."""
    return list(_find_keys(value, 0))


def _find_keys(value: Any, depth: int) -> Iterator[Key]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__" and isinstance(value.get("config"), Mapping):
            yield from _find_keys(value["config"].get("keras_history"), depth + 1)
        elif value.get("class_name") != "__tensor__":
            for item in value.values():
                yield from _find_keys(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        reference = len(value) >= 3 and isinstance(value[0], str)
        if reference and isinstance(value[1], int) and isinstance(value[2], int):
            yield (value[0], value[1], value[2])
            value = value[3:]  # Keras 2 keeps further arguments, tensors among them, behind the reference
        for item in value:
            yield from _find_keys(item, depth + 1)


def _unused(entries: list[_Layer], name: str) -> str:
    taken = {entry.name for entry in entries}
    while name in taken:
        name += "_"
    return name
