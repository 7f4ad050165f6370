"""The shape of a model's input: as its config holds it, as the user gave it, or as the first kernel tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..ops.base import Array, Shape
from .nesting import MAX_DEPTH, layer_entries

__all__ = ["Guess", "guessed_shape", "nested_shape", "sample_shape"]

_ALIKE = (
    *("Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU", "GaussianDropout", "GaussianNoise"),
    *("Identity", "LeakyReLU", "PReLU", "ReLU", "Rescaling", "Softmax", "ThresholdedReLU"),
)
_NORMS = ("BatchNormalization", "LayerNormalization")
_NEED_AXES = (
    "Conv",
    "Global",
    "Max",
    "Average",
    "LSTM",
    "GRU",
    "SimpleRNN",
    "TimeDistributed",
    "Bidirectional",
    "Flatten",
)

Step = tuple[str, Mapping[str, Any], Callable[[], Mapping[str, Array]]]  # layer type, config, weights


class Guess(NamedTuple):
    """What the first layers with weights say of the shape of a sample: the shape, or a hint in words."""

    shape: Shape | None
    hint: str = ""


def sample_shape(shape: Any) -> tuple[int | None, ...] | None:
    """Return a batch shape without its batch axis; None if there is none. The size of the batch does not matter."""
    if isinstance(shape, Mapping):  # one input that Keras 3 wrote as {"name": shape}
        shape = next(iter(shape.values()), None)
    if isinstance(shape, list) and len(shape) == 1 and isinstance(shape[0], list):
        shape = shape[0]
    if not isinstance(shape, (list, tuple)) or not all(n is None or type(n) is int for n in shape):
        return None
    return tuple(shape[1:])


def nested_shape(layer: Mapping[str, Any], depth: int = 0) -> Any:
    """Return the batch shape that a model inside a model was made with, None if its config holds none."""
    layers = layer_entries(layer)
    if not layers or depth > MAX_DEPTH:
        return None
    inputs = [x for x in layers if x["class_name"] == "InputLayer"] or layers[:1]
    first = inputs[0] if len(inputs) == 1 else {}
    own = first.get("config")
    if isinstance(own, Mapping):
        for name in ("batch_shape", "batch_input_shape"):
            if own.get(name) is not None:
                return own[name]
    return nested_shape(first, depth + 1)


def guessed_shape(steps: Iterable[Step]) -> Guess:
    """Return the shape of a sample by the first kernel, where only one fits; a hint where several do."""
    flat, sizes = False, []
    waiting = list(steps)
    for index, (layer_type, config, weights) in enumerate(waiting):
        if layer_type in _ALIKE:
            continue
        if layer_type == "Flatten":
            flat = True
            continue
        if layer_type in _NORMS and not flat:
            sizes += [int(value.size) for value in weights().values()][:1]
            continue
        if layer_type == "Dense":
            kernel = weights().get("kernel")
            if kernel is None or kernel.ndim != 2:
                return Guess(None)
            inputs = int(kernel.shape[0])
            fits = all(n == inputs for n in sizes)
            if fits and (flat or not _needs_axes(name for name, *_ in waiting[index + 1 :])):
                return Guess((inputs,))
            what = "they flatten to" if flat else "the last axis has"
            return Guess(None, f"; {what} {inputs:,} values")
        return Guess(None, _hint(layer_type, config, weights()))
    return Guess(None)


def _needs_axes(layer_types: Iterable[str]) -> bool:
    """Say whether a layer before the next Reshape works along an axis of its own, so that vectors do not suit it."""
    for name in layer_types:
        if name in ("Reshape", "RepeatVector", "Embedding"):
            return False
        if name.startswith(_NEED_AXES):
            return True
    return False


def _hint(layer_type: str, config: Mapping[str, Any], weights: Mapping[str, Array]) -> str:
    kernel = weights.get("kernel", weights.get("depthwise_kernel"))
    if "Conv" in layer_type and kernel is not None and kernel.ndim > 2:
        groups = config.get("groups", 1)
        channels = int(kernel.shape[-1] if layer_type.endswith("Transpose") else kernel.shape[-2])
        channels *= groups if type(groups) is int else 1
        sizes = (
            ["length"]
            if kernel.ndim == 3
            else ["height", "width"]
            if kernel.ndim == 4
            else ["depth", "height", "width"]
        )
        first = config.get("data_format") == "channels_first"
        shape = ", ".join([str(channels), *sizes] if first else [*sizes, str(channels)])
        return f"; its first convolution reads {channels} channels: ({shape})"
    if layer_type in ("LSTM", "GRU", "SimpleRNN") and kernel is not None and kernel.ndim == 2:
        return f"; its first layer reads {kernel.shape[0]} values at each step: (steps, {kernel.shape[0]})"
    return ""
