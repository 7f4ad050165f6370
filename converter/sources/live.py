"""Live models: Keras 3 and tf_keras objects give their config and weights themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import SourceError
from ..ops.base import Array
from .weight_names import weight_names

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

    def __init__(self, model: Any) -> None:
        self._model = model

    def weights(self, path: tuple[str, ...], layer_type: str, config: Mapping[str, Any]) -> Mapping[str, Array]:
        """Return the weights of the layer at this path, by name."""
        layer = self._model
        for name in path:
            layer = next((x for x in layer.layers if x.name == name), None)
            if layer is None:
                return {}
        expected = weight_names(layer_type, config)
        own = [w.name.rsplit("/", 1)[-1].split(":")[0] for w in layer.weights]
        names = (*expected[0], *expected[1]) if expected else tuple(own)
        values = (np.asarray(v, np.float32) for v in layer.get_weights())
        return dict(zip(names, values, strict=False))
