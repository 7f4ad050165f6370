"""Live models: Keras 3 and tf_keras objects give their config and weights themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import SourceError
from ..ops.base import Array
from .spelling import Writer
from .versions import weights_as_keras3
from .weight_names import weight_names
from .wrappers import masked

__all__ = ["LiveWeights", "is_keras_model", "live_config", "live_version"]


def is_keras_model(model: Any) -> bool:
    """Say whether this object is a Keras model, of Keras 3 or tf_keras, without importing either."""
    roots = {cls.__module__.split(".")[0] for cls in type(model).__mro__ if cls.__name__ in ("Model", "Sequential")}
    return bool(roots & {"keras", "tf_keras"})


def live_version(model: Any) -> str:
    """Return the version of the library that the model belongs to; tf_keras is Keras 2."""
    import sys

    for cls in type(model).__mro__:
        root = cls.__module__.split(".")[0]
        if root == "keras":
            return str(getattr(sys.modules["keras"], "__version__", "3"))
        if root == "tf_keras":
            return "2.15"  # the last Keras 2; tf_keras numbers itself after TensorFlow
    return ""


def live_config(model: Any, origin: str) -> Mapping[str, Any]:
    """Return the model's config in the form that files have.

    Raises
    ------
    SourceError
        For a subclassed model, which has no graph.
    """
    try:
        config = model.get_config()
    except Exception as error:  # a subclass may raise anything in its own get_config
        raise SourceError(
            f"{origin}: expected a model that has a config, received one that has none: {error}"
        ) from None
    kinds = [cls.__name__ for cls in type(model).__mro__]
    return {"class_name": "Sequential" if "Sequential" in kinds else "Functional", "config": config}


class LiveWeights:
    """The weights of a live model's layers."""

    def __init__(self, model: Any, writer: Writer) -> None:
        self._model, self._writer = model, writer

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name."""
        layer = self._model
        for name in path:
            inside = layer if hasattr(layer, "layers") else layer.layer  # a model in a TimeDistributed
            layer = next((x for x in inside.layers if x.name == name), None)
            if layer is None:
                return {}
        return weights_as_keras3(layer_type, config, _arrays(layer, layer_type, config), self._writer)


def _arrays(layer: Any, layer_type: str, config: Mapping[str, Any]) -> dict[str, Array]:
    """Return a layer's weights by name; those of the layers inside a Bidirectional behind theirs."""
    inner = config.get("layer")
    if layer_type == "Bidirectional" and isinstance(inner, Mapping):
        return {
            f"{side}/{name}": value
            for side in ("forward_layer", "backward_layer")
            for name, value in _arrays(getattr(layer, side), str(inner["class_name"]), inner["config"]).items()
        }
    if config.get("unwrapped_from"):
        masks = [np.asarray(w) for w in layer.weights if "mask" in w.name]
        return masked(config, _arrays(layer.layer, layer_type, {**config, "unwrapped_from": ""}), masks)
    expected = weight_names(layer_type, config)
    values = {index: np.asarray(v, np.float32) for index, v in enumerate(layer.get_weights())}
    places = [w.name.rsplit("/", 1)[-1].split(":")[0] for w in layer.weights]
    if expected is None:  # names may come twice in a layer with layers inside
        names = places if len(set(places)) == len(places) else [str(getattr(w, "path", w.name)) for w in layer.weights]
        return dict(zip(names, values.values(), strict=False))
    wanted = (*expected[0], *expected[1])
    if set(wanted) == set(places) and len(wanted) == len(places):
        return {name: values[places.index(name)] for name in wanted}
    return dict(zip(wanted, values.values(), strict=False))
