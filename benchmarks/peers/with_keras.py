"""Keras's own ``predict`` on the model that everything was converted from."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras

import worker


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """As Keras 2 wrote it, with an argument that Keras 3 does not have."""

    def __init__(self, *arguments: Any, groups: int = 1, **further: Any) -> None:
        super().__init__(*arguments, **further)


def prepare(settings: dict[str, Any]) -> Any:
    (path,) = worker.folder().glob("model.*")
    model = keras.models.load_model(path, compile=False, custom_objects={"DepthwiseConv2D": DepthwiseConv2D})

    def with_samples(x: Any) -> Any:
        return lambda: model.predict(x, batch_size=settings["batch"], verbose=0).argmax(axis=-1)

    return with_samples


if __name__ == "__main__":
    version = f"Keras {keras.__version__} on {keras.backend.backend()}"
    worker.serve(version, [{"batch": b} for b in (32, 128, 512, 2048)], prepare)
