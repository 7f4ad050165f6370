"""Every version of Keras in one place: the table of normalisers, behind which all is spelled as in Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..ops.base import Array
from . import keras1, keras2, theano, wrappers
from .keras_layers import KERAS_LAYERS, KERAS_MODULES, OPERATION_MODULES
from .spelling import Spelled, Writer

__all__ = ["NORMALISERS", "class_name", "normalised", "version_of", "weights_as_keras3"]

_ALIASES: Mapping[str, str] = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "Model": "Functional",
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
}

# Operations on two tensors that are Keras layers too
_OPERATION_LAYERS = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")

_NOT_ARGUMENTS = ("dtype", "trainable", "build_config", "compile_config")
_NEVER_IN_OPERATIONS = frozenset(("trainable", "dtype", "layers"))
_QUANTISED = ("int8",)  # policies whose kernels are numbers times a scale for each column


def _always(writer: Writer) -> bool:
    return True


def _aliases(layer: Spelled, writer: Writer) -> Spelled:
    return replace(layer, layer_type=_ALIASES.get(layer.layer_type, layer.layer_type))


def _dtype_policy(layer: Spelled, writer: Writer) -> Spelled:
    """Say how weights are stored; the precision of the computation is ours."""
    mode = _quantisation(layer.config.get("dtype"))
    plain = {key: value for key, value in layer.config.items() if key not in _NOT_ARGUMENTS}
    if not mode:
        return replace(layer, config=plain)
    if mode in _QUANTISED and layer.layer_type == "Dense":
        plain["quantization"] = mode
        return replace(layer, config=plain, notes=(*layer.notes, ("kernel-dequantised", mode)))
    return replace(layer, config=plain, refusal=("quantised-layer", f"dtype policy {mode}"))


def _quantisation(policy: Any) -> str:
    """Return the mode of a quantised dtype policy, however it is written; "" for a plain one."""
    if isinstance(policy, Mapping):
        if "Quantized" not in str(policy.get("class_name")):
            return ""
        config = policy.get("config")
        mode = config.get("mode") if isinstance(config, Mapping) else None
        return str(mode or "unknown")
    return policy.split("_from_")[0] if isinstance(policy, str) and "_from_" in policy else ""


class Normaliser(NamedTuple):
    """A line of the table: which writers it is for, and what it does to one of their layers."""

    what: str
    applies: Callable[[Writer], bool]
    apply: Callable[[Spelled, Writer], Spelled]


NORMALISERS: tuple[Normaliser, ...] = (
    Normaliser("names that Keras's layers have in every version", _always, _aliases),
    Normaliser("Keras 1", lambda writer: writer.is_keras1, keras1.spelled),
    Normaliser("Keras 1 and 2", lambda writer: writer.is_before_keras3, keras2.spelled),
    Normaliser("dtype policies, quantised ones among them", _always, _dtype_policy),
    Normaliser("Theano's padding", lambda writer: writer.is_theano, theano.spelled),  # last: reads Keras 3's names
)
"""The differences between the versions: applied in this order, each for the writers that it names."""


def normalised(layer_type: str, config: Mapping[str, Any], writer: Writer | str, _depth: int = 0) -> Spelled:
    """Return a layer as Keras 3 spells it, whatever wrote it.

    Activations become a name, or a ``{"class_name": …, "config": …}`` pair for a layer used as an activation.
    """
    writer = Writer(writer) if isinstance(writer, str) else writer
    layer = Spelled(layer_type, config)
    for line in NORMALISERS:
        if line.applies(writer):
            layer = line.apply(layer, writer)
    for argument in ("activation", "recurrent_activation"):
        if argument in layer.config:
            value = _activation(layer.config[argument], writer)
            layer = replace(layer, config={**layer.config, argument: value})
    return wrappers.spelled(layer, lambda inner, inside, depth: normalised(inner, inside, writer, depth), _depth)


def _activation(value: Any, writer: Writer, depth: int = 0) -> Any:
    if value is None:
        return "linear"
    if isinstance(value, Mapping):
        inner = {} if value.get("config") is None else value["config"]
        if isinstance(inner, str) and depth < 2:  # {"class_name": "function", "config": "relu"}
            return _activation(inner, writer, depth + 1)
        if isinstance(value.get("class_name"), str) and isinstance(inner, Mapping) and depth < 2:
            plain = {key: v for key, v in inner.items() if key != "activation"}
            done = normalised(value["class_name"], plain, writer)
            return {"class_name": done.layer_type, "config": done.config}
        return value
    if isinstance(value, str) and writer.is_before_keras3:
        return keras2.activation_name(value)
    return value


_WRAPPERS = ("EachStep", "TimeDistributed")  # around one layer, whose weights are theirs


def weights_as_keras3(
    layer_type: str, config: Mapping[str, Any], arrays: Mapping[str, Array], writer: Writer
) -> dict[str, Array]:
    """Return a layer's weights, stored by any version, as Keras 3 lays them out."""
    inner = config.get("layer")
    if layer_type in _WRAPPERS and isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
        return weights_as_keras3(str(inner.get("class_name")), inner["config"], arrays, writer)
    if layer_type == "Bidirectional":
        return _bidirectional(config, arrays, writer)
    result = dict(arrays)
    if writer.is_keras1:
        result = keras1.weights(layer_type, config, result)
    result = keras2.recurrent_weights(layer_type, config, result)
    if writer.is_theano:
        result = theano.weights(layer_type, result)
    if config.get("quantization") == "int8" and {"kernel", "kernel_scale"} <= set(result):
        scale = np.asarray(result.pop("kernel_scale"), np.float32)
        result["kernel"] = result["kernel"].astype(np.float32) / scale
    return result


def _bidirectional(config: Mapping[str, Any], arrays: Mapping[str, Array], writer: Writer) -> dict[str, Array]:
    result: dict[str, Array] = {}
    forward = config.get("layer")
    for side, inner in (("forward_layer", forward), ("backward_layer", config.get("backward_layer") or forward)):
        if isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
            own = {name.split("/", 1)[1]: value for name, value in arrays.items() if name.startswith(f"{side}/")}
            plain = weights_as_keras3(str(inner.get("class_name")), inner["config"], own, writer)
            result |= {f"{side}/{name}": value for name, value in plain.items()}
    return result


def class_name(entry: Mapping[str, Any]) -> str:
    """Return the layer type of an entry of a config: Keras's own name, or that of a custom class or operation.

    A custom class is called by its own name (``"Custom>MyLayer"`` is ``"MyLayer"``), unless Keras has a layer of that
    name: ``"Custom>Dense"`` stays what it is. An operation is called ``"ops.Relu"``; one that Keras has as a layer, on
    tensors only, by the layer's name.
    """
    written = str(entry.get("class_name"))
    module, registered = entry.get("module"), entry.get("registered_name")
    if (isinstance(module, str) and module.startswith(OPERATION_MODULES)) or _looks_like_operation(entry):
        return written if written in _OPERATION_LAYERS and _reads_tensors_only(entry) else f"ops.{written}"
    package, _, bare = written.rpartition(">")
    if not package and isinstance(registered, str) and ">" in registered:
        package = registered.rpartition(">")[0]
    if not package and isinstance(module, str) and module.split(".")[0] not in KERAS_MODULES:
        package = module
    if not package or package.split(".")[0] in KERAS_MODULES:
        return bare
    return f"{package}>{bare}" if bare in KERAS_LAYERS else bare


def _looks_like_operation(entry: Mapping[str, Any]) -> bool:
    """Say whether an entry without a module, as in .h5 files of Keras 3, is an operation: those are never trainable."""
    nodes, config = entry.get("inbound_nodes"), entry.get("config")
    first = nodes[0] if isinstance(nodes, (list, tuple)) and nodes else None
    if not isinstance(first, Mapping) or "args" not in first or "module" in entry:
        return False
    return isinstance(config, Mapping) and _NEVER_IN_OPERATIONS.isdisjoint(config)


def _reads_tensors_only(entry: Mapping[str, Any]) -> bool:
    """Say whether every use of a Keras 3 operation has two tensors and nothing else."""

    def is_tensor(value: Any) -> bool:
        return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"

    def arguments(node: Any) -> list[Any]:
        args, kwargs = (node.get("args"), node.get("kwargs")) if isinstance(node, Mapping) else (None, None)
        return [
            *(args if isinstance(args, (list, tuple)) else ()),
            *(kwargs.values() if isinstance(kwargs, Mapping) else ()),
        ]

    nodes = entry.get("inbound_nodes")
    uses = [arguments(node) for node in nodes] if isinstance(nodes, (list, tuple)) else [[]]
    return all(len(values) == 2 and all(map(is_tensor, values)) for values in uses)


def version_of(stated: str, model: Mapping[str, Any]) -> str:
    """Return the Keras version that a file states, or else the one that its config looks like: "1", "2" or "3"."""
    if stated:
        return stated
    layers = list(_layers(model, 0))
    if any(keras1.looks_like_keras1(layer.get("class_name"), layer.get("config")) for layer in layers):
        return "1"
    configs = [c for c in (layer.get("config") for layer in layers) if isinstance(c, Mapping)]
    modern = any("batch_shape" in c or isinstance(c.get("dtype"), Mapping) for c in configs)
    return "3" if modern else "2"


def _layers(model: Any, depth: int) -> Iterable[Mapping[str, Any]]:
    config = model.get("config") if isinstance(model, Mapping) else None
    inside = config.get("layers") if isinstance(config, Mapping) else config
    for layer in inside if isinstance(inside, list) and depth < 32 else ():
        if isinstance(layer, Mapping):
            yield layer
            yield from _layers(layer, depth + 1)
