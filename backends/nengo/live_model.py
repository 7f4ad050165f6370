"""A live model as the Converter works with it: functional, with shapes that are known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ...converter.layer_call import ModelRecord
from ...converter.sources import read_model
from ...errors import ConversionError, UsageError

__all__ = ["ConverterError", "NotConvertibleError", "check_shared", "functional", "read_live"]


class NotConvertibleError(ConversionError, TypeError):
    """Layers that have no native form in Nengo, where no fallback is allowed; a TypeError, as in NengoDL."""


class ConverterError(UsageError, ValueError):
    """A model or option that the Converter cannot work with; a ValueError, as in NengoDL."""


def functional(model: Any, temporal: bool) -> tuple[Any, bool]:
    """Return a model as a functional one, and whether it was not that before.

    Raises
    ------
    ConverterError
        For an input with an open axis, or a Sequential model that has no inputs yet.
    UsageError
        For something that is no Keras 3 model.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise UsageError(
            f"expected a live Keras 3 model or the path of a file, received {type(model).__module__}."
            f"{type(model).__name__}; save a model of Keras 2 as .h5 and pass the path"
        )
    sequential = isinstance(model, keras.Sequential)
    if sequential:
        if not model.built or not model.inputs:
            raise ConverterError(f"{model.name}: expected a built model, received one without inputs; add keras.Input")
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    for tensor in getattr(model, "inputs", None) or []:
        shape = tuple(tensor.shape)
        if None in shape[2 if temporal else 1 :]:
            raise ConverterError(
                f"Input shapes must be fully specified; got {shape}. If inputs contain `None` in the first axis to "
                "indicate a variable number of timesteps, set `temporal_model=True` on the `Converter`."
            )
    return model, sequential


def read_live(model: Any, temporal: bool) -> ModelRecord:
    """Return a functional model as plain data; for a temporal one, inputs of open length count one step."""
    if not temporal:
        return read_model(model)
    import keras

    config = _with_known_times(model.get_config())
    reading = keras.Model(model.inputs, model.outputs, name=model.name)  # shares the layers; the user's stays as it is
    reading.get_config = lambda: config
    return read_model(reading)


def _with_known_times(config: Mapping[str, Any]) -> dict[str, Any]:
    layers = []
    for layer in config["layers"]:
        inner = layer["config"]
        shape = inner.get("batch_shape")
        if layer["class_name"] == "InputLayer" and shape is not None and len(shape) > 1 and shape[1] is None:
            layer = {**layer, "config": {**inner, "batch_shape": (shape[0], 1, *shape[2:])}}
        layers.append(layer)
    return {**config, "layers": layers}


def check_shared(record: ModelRecord, weighted: Collection[str] = ()) -> None:
    """Refuse a layer with weights that is used more than once.

    Parameters
    ----------
    weighted
        Calls of layers that count as such beside Dense and the convolutions.

    Raises
    ------
    ConverterError
        With the layer's name.
    """
    seen: set[str] = set()
    for call in record.calls:
        if call.layer_type == "Dense" or "Conv" in call.layer_type or call.name in weighted:
            layer = "/".join(part.split(":")[0] for part in call.name.split("/"))
            if layer in seen:
                raise ConverterError(
                    f"Multiple applications of layer {layer} detected; this is not supported unless "
                    "split_shared_weights=True"
                )
            seen.add(layer)
