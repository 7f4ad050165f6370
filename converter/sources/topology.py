"""From a model's config to LayerCalls: Sequential and Functional, nested, shared, in the spelling of Keras 2 and 3."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from ...errors import SourceError
from ..layer_call import LayerCall
from ..ops.base import Shape
from .hdf5 import MAX_ARRAY_BYTES
from .input_shape import Guess, guessed_shape, nested_shape, sample_shape
from .nesting import MAX_DEPTH, MODEL_TYPES
from .references import Arguments, Key, arguments_of, keys_of
from .spelling import Spelled, Writer
from .use_numbers import counted_from_one, from_zero
from .versions import class_name, normalised
from .weight_store import CheckedWeights, WeightStore

__all__ = ["calls_of_model"]

_MAX_CALLS = 100_000
_MAX_MODELS = 2_000

_CALLED_WITH_VALUES = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "Lambda")
# not Random…: Keras 3 writes training=True of each, their default, and predicts with False all the same
_CHANGED_BY_TRAINING = ("BatchNormalization", "Dropout", "Gaussian", "Alpha", "SpatialDropout")


class _Layer(NamedTuple):
    """One entry of a config's list of layers."""

    name: str
    layer_type: str
    config: Mapping[str, Any]
    nodes: tuple[Any, ...]
    spelled: Spelled


@dataclass(frozen=True)
class _Walk:
    """What is known, and what has been found, while the models inside a model are walked through."""

    origin: str
    writer: Writer
    store: WeightStore
    calls: list[LayerCall] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


def calls_of_model(
    model: Mapping[str, Any],
    store: WeightStore,
    *,
    origin: str,
    writer: Writer,
    input_shape: Shape | None = None,
    max_bytes: int = MAX_ARRAY_BYTES,
) -> tuple[tuple[LayerCall, ...], dict[str, str]]:
    """Return the layer calls of a model's config and its outputs.

    Parameters
    ----------
    model
        ``{"class_name": "Sequential" | "Functional" | "Model", "config": …}``
    input_shape
        The shape of one sample, for a model with one input whose config holds none.
    max_bytes
        How much all the weights may take: layers may claim the same few bytes of a file many times.

    Raises
    ------
    SourceError
        When the config contradicts itself, with the layer and the field.
    """
    walk = _Walk(origin, writer, CheckedWeights(store, max_bytes, origin))
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
    if len(path) > MAX_DEPTH:
        raise SourceError(f"{walk.origin}: expected models nested at most {MAX_DEPTH} deep")
    if len(walk.models) >= _MAX_MODELS:
        raise SourceError(f"{walk.origin}: expected at most {_MAX_MODELS:,} uses of models inside the model")
    walk.models.append("/".join(path))
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
        current = _branches(walk, entries[0], path) or _input_of_sequential(walk, entries, config, path, input_shape)
    for entry in entries:
        name, layer_type, layer_config = entry.name, entry.layer_type, entry.config
        if layer_type == "InputLayer":
            if not current:
                shape = layer_config.get("batch_shape")
                current = [(name, _add_input(walk, (*path, name), shape, input_shape))]
            continue
        inputs = tuple(call for _, call in current)
        current = _walk_call(walk, (*path, name), entry.spelled, inputs, 0)
    return current


def _input_of_sequential(
    walk: _Walk, entries: list[_Layer], config: Any, path: tuple[str, ...], given: Shape | None
) -> list[tuple[str, str]]:
    """Add the input of a Sequential model that has no InputLayer."""
    first = entries[0]
    shape = first.config.get("batch_shape")
    if shape is None and isinstance(config, Mapping):
        shape = config.get("build_input_shape")
    if shape is None and first.layer_type in MODEL_TYPES:
        shape = nested_shape({"config": first.config})
    guess = None
    if shape is None and given is None:
        guess = guessed_shape(
            (e.layer_type, e.config, partial(walk.store.weights, (*path, e.name), e.layer_type, e.config))
            for e in entries
        )
    name = _unused(entries, f"{first.name}_input")  # as Keras names it
    return [(name, _add_input(walk, (*path, name), shape, given, guess))]


def _branches(walk: _Walk, first: _Layer, path: tuple[str, ...]) -> list[tuple[str, str]]:
    """Add the models that a Merge of Keras 1 at the head of a Sequential model holds; [] where there are none."""
    models = first.config.get("layers") if first.layer_type not in MODEL_TYPES else None
    found = []
    for index, model in enumerate(models if isinstance(models, list) else []):
        if not isinstance(model, Mapping):
            raise SourceError(f"{walk.origin}: expected models inside {first.name}")
        if model.get("class_name") not in MODEL_TYPES:
            model = {"class_name": "Sequential", "config": [model]}
        found += _walk_model(walk, model, (*path, f"branch_{index}"), None)
    return found


def _walk_functional(
    walk: _Walk,
    config: Mapping[str, Any],
    path: tuple[str, ...],
    feeds: Sequence[str] | None,
    input_shape: Shape | None,
) -> list[tuple[str, str]]:
    entries = _entries(walk, config.get("layers"))
    wanted_inputs = [key[0] for key in keys_of(config.get("input_layers"))]
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
        (layer.name, use, arguments_of(node))
        for layer in entries
        if layer.layer_type != "InputLayer"
        for use, node in enumerate(layer.nodes)
    ]
    ends = config.get("output_layers")
    outputs = keys_of(ends)
    nested = [(layer.name, layer.layer_type, layer.nodes) for layer in entries if layer.layer_type in MODEL_TYPES]
    early = counted_from_one(nested, [key for *_, read in waiting for key in read.keys], outputs)
    for *_, read in waiting:
        read.keys = [from_zero(key, early.among_layers) for key in read.keys]
    outputs = [from_zero(key, early.among_outputs) for key in outputs]
    ready = deque(waiting)
    blocked: dict[Key | None, list[tuple[str, int, Arguments]]] = {}  # what is lacking → the uses that wait for it
    while ready:
        name, use, read = ready.popleft()
        lacking = next((key for key in read.keys if key not in made), None)
        if lacking is not None or not read.keys:
            blocked.setdefault(lacking, []).append((name, use, read))
            continue
        inputs = tuple(made[key][1] for key in read.keys)
        layer = _called_with(by_name[name].spelled, read)
        for index, output in enumerate(_walk_call(walk, (*path, name), layer, inputs, use)):
            made[(name, use, index)] = (name, output[1])
            ready.extend(blocked.pop((name, use, index), ()))
    if blocked:
        names = ", ".join(sorted({name for uses in blocked.values() for name, *_ in uses})[:5])
        raise SourceError(f"{walk.origin}: expected layers that read layers of the model, these do not: {names}")
    missing = [key for key in outputs if key not in made]
    if missing:
        raise SourceError(f"{walk.origin}: expected an output layer of the model, received {missing[0][0]!r}")
    named = sorted(ends) if isinstance(ends, Mapping) and len(ends) == len(outputs) else [key[0] for key in outputs]
    return [(name, made[key][1]) for name, key in zip(named, outputs, strict=True)]


def _called_with(layer: Spelled, read: Arguments) -> Spelled:
    """Return a layer with what else it is called with, or with a refusal where that must not be passed over."""
    if layer.layer_type in MODEL_TYPES:
        return layer
    extra = read.to_config()
    if extra is None:
        return layer
    layer = replace(layer, config={**layer.config, "call_arguments": extra})
    if read.kwargs.get("training") is True and layer.layer_type.startswith(_CHANGED_BY_TRAINING):
        return replace(layer, refusal=("unsupported-argument", "called with training=True; takes False"))
    takes_values = layer.layer_type in _CALLED_WITH_VALUES or layer.layer_type.startswith("ops.")
    if read.has_constants and not takes_values:
        return replace(layer, refusal=("unsupported-argument", "called with other values than tensors; takes tensors"))
    return layer


def _walk_call(
    walk: _Walk, path: tuple[str, ...], layer: Spelled, inputs: tuple[str, ...], use: int
) -> list[tuple[str, str]]:
    """Add one use of a layer, or of a whole model used as a layer."""
    own = path[-1]
    if layer.layer_type in MODEL_TYPES:
        model = {"class_name": layer.layer_type, "config": layer.config}
        numbered = (*path[:-1], f"{own}:{use}" if use else own)
        return [(own, call) for _, call in _walk_model(walk, model, numbered, inputs)]
    inner = layer.config.get("layer") if layer.layer_type == "TimeDistributed" else None
    if isinstance(inner, Mapping) and inner.get("class_name") in MODEL_TYPES:
        return _walk_time_distributed(walk, path, inner, inputs, use)
    if len(walk.calls) >= _MAX_CALLS:
        raise SourceError(f"{walk.origin}: expected at most {_MAX_CALLS:,} layer calls")
    name = "/".join(path) + (f":{use}" if use else "")
    for what, part in layer.before:
        inputs = (_add_part(walk, f"{name}/{what}", part, inputs),)
    place = (*(re.sub(r":\d+$", "", part) for part in path[:-1]), own)  # without the numbers of further uses
    weights = walk.store.weights(place, layer.layer_type, layer.config)
    walk.calls.append(
        LayerCall(
            name=name,
            layer_type=layer.layer_type,
            config=layer.config,
            weights=weights,
            inputs=inputs,
            refusal=layer.refusal,
            notes=layer.notes,
        )
    )
    last = name
    for what, part in layer.after:
        last = _add_part(walk, f"{name}/{what}", part, (last,))
    return [(own, last)]


def _walk_time_distributed(
    walk: _Walk, path: tuple[str, ...], model: Mapping[str, Any], inputs: tuple[str, ...], use: int
) -> list[tuple[str, str]]:
    """Add a TimeDistributed model: its layers, each TimeDistributed."""
    start = len(walk.calls)
    numbered = (*path[:-1], f"{path[-1]}:{use}" if use else path[-1])
    outputs = _walk_model(walk, model, numbered, inputs)
    for index, call in enumerate(walk.calls[start:], start):
        config = {"layer": {"class_name": call.layer_type, "config": call.config}}
        walk.calls[index] = replace(call, layer_type="TimeDistributed", config=config)
    return [(path[-1], call) for _, call in outputs]


def _add_part(walk: _Walk, name: str, part: Spelled, inputs: tuple[str, ...]) -> str:
    """Add a call without weights that does a part of a layer's work."""
    walk.calls.append(LayerCall(name=name, layer_type=part.layer_type, config=part.config, inputs=inputs))
    return name


def _add_input(walk: _Walk, path: tuple[str, ...], shape: Any, given: Shape | None, guess: Guess | None = None) -> str:
    """Add an InputLayer call; its config holds the full shape of one sample."""
    name = "/".join(path)
    found = sample_shape(shape)
    notes: tuple[tuple[str, str], ...] = ()
    if given is not None and found is not None:
        fits = len(given) == len(found) and all(a is None or a == b for a, b in zip(found, given, strict=True))
        if not fits:
            raise SourceError(f"{walk.origin}: expected input_shape to fit the model's {found}, received {given}")
    if given is None and found is None and guess is not None and guess.shape is not None:
        found, notes = guess.shape, (("input-shape-inferred", f"{guess.shape}"),)
    if given is None and (found is None or any(n is None for n in found)):
        what = "no input shape" if found is None else f"an input shape with open axes, {found}"
        raise SourceError(
            f"{walk.origin}: the config of {name} holds {what}{guess.hint if guess else ''}; "
            "pass the shape of one sample: input_shape=(28, 28, 1), or --input-shape 28,28,1"
        )
    final = given if given is not None else tuple(int(n) for n in found or () if n is not None)
    if any(n < 1 for n in final):
        raise SourceError(f"{walk.origin}: expected positive sizes in the input shape of {name}, received {final}")
    config = {"shape": final, "given": given is not None}
    walk.calls.append(LayerCall(name=name, layer_type="InputLayer", config=config, notes=notes))
    return name


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
        layer_type = class_name(layer)
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
        done = Spelled(layer_type, config)
        if layer_type not in MODEL_TYPES:
            done = normalised(layer_type, config, walk.writer)
        nodes = layer.get("inbound_nodes")
        uses = tuple(nodes) if isinstance(nodes, (list, tuple)) else ()
        entries.append(_Layer(name, done.layer_type, done.config, uses, done))
    return entries


def _unused(entries: list[_Layer], name: str) -> str:
    taken = {entry.name for entry in entries}
    while name in taken:
        name += "_"
    return name
