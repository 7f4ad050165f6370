"""What the versions of Keras call things: every class name and argument in the spelling of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["normalised", "version_tuple"]

_CLASSES: Mapping[str, str] = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "Model": "Functional",
}

# (written before this version, layer type or "" for all, old argument, new argument)
_ARGUMENTS: tuple[tuple[tuple[int, ...], str, str, str], ...] = (
    ((3,), "", "batch_input_shape", "batch_shape"),
    ((3,), "LeakyReLU", "alpha", "negative_slope"),
)

# (written before this version, old activation, new activation): the same name computed something else
_ACTIVATIONS: tuple[tuple[tuple[int, ...], str, str], ...] = (((3,), "hard_sigmoid", "hard_sigmoid_keras2"),)

_NOT_ARGUMENTS = ("dtype", "trainable", "build_config", "compile_config")


def version_tuple(version: str) -> tuple[int, ...]:
    """Return ``"2.4.0-tf"`` as (2, 4, 0); () where nothing is known."""
    numbers = []
    for part in version.replace("-", ".").split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def normalised(layer_type: str, config: Mapping[str, Any], version: str) -> tuple[str, dict[str, Any]]:
    """Return the class name and arguments as Keras 3 spells them.

    Activations become a name, or a ``{"class_name": …, "config": …}`` pair for a layer used as an activation.
    """
    layer_type = _CLASSES.get(layer_type, layer_type)
    plain = {key: value for key, value in config.items() if key not in _NOT_ARGUMENTS}
    written = version_tuple(version)
    for before, only, old, new in _ARGUMENTS:
        if (not written or written < before) and only in ("", layer_type) and old in plain:
            plain.setdefault(new, plain.pop(old))
    if "activation" in plain:
        plain["activation"] = _activation(plain["activation"], version)
    inner = plain.get("layer")
    if layer_type == "TimeDistributed" and isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
        inner_type, inner_config = normalised(str(inner.get("class_name")), inner["config"], version)
        plain["layer"] = {"class_name": inner_type, "config": inner_config}
    return layer_type, plain


def _activation(value: Any, version: str) -> Any:
    if value is None:
        return "linear"
    if isinstance(value, Mapping):
        inner = value.get("config")
        if isinstance(inner, str):  # {"class_name": "function", "config": "relu"}
            return _activation(inner, version)
        if isinstance(value.get("class_name"), str) and isinstance(inner, Mapping):
            layer_type, config = normalised(value["class_name"], inner, version)
            return {"class_name": layer_type, "config": config}
        return value
    written = version_tuple(version)
    for before, old, new in _ACTIVATIONS:
        if value == old and written and written < before:
            return new
    return value
