"""Keras models for the tests: random weights of a sensible size, the same at every run, and models around one layer."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

import numpy as np

Samples = np.ndarray | list[np.ndarray]
Shapes = tuple[tuple[int, ...], ...]


def seeded(text: str) -> np.random.Generator:
    """A generator that depends on a text, so that no case depends on those before it."""
    return np.random.default_rng(zlib.crc32(text.encode()))


def with_random_weights(model: Any, seed: str) -> Any:
    """Give each weight random values, the moving statistics of batch normalisation included, and return the model."""
    rng = seeded(seed)
    for weight in model.weights:
        weight.assign(_random_weight(rng, weight.name, tuple(weight.shape)))
    return model


def _random_weight(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    kind = name.rsplit("/", 1)[-1].split(":")[0]
    if kind == "moving_variance":
        values = rng.uniform(0.4, 1.6, shape)
    elif kind == "gamma":
        values = rng.uniform(0.5, 1.5, shape) * rng.choice([1, 1, 1, -1], shape)
    elif "kernel" in kind:
        fan_in = max(int(np.prod(shape[:-1])), 1)
        values = rng.normal(0, 1.2 / np.sqrt(fan_in), shape)
    else:  # bias, beta, moving_mean, alpha
        values = rng.normal(0, 0.3, shape)
    return values.astype(np.float32)


def samples_for(shapes: Shapes, seed: str, count: int = 5, *, whole: bool = False) -> Samples:
    """Random samples around zero, or whole numbers from 0 to 6: a list of arrays where there are several inputs."""
    rng = seeded(f"samples of {seed}")
    draw = (lambda size: rng.integers(0, 7, size)) if whole else (lambda size: rng.normal(0, 1, size))
    arrays = [draw((count, *shape)).astype(np.float32) for shape in shapes]
    return _one_or_all(arrays)


def keras_of(layer: Any) -> Any:
    """The library that a layer belongs to: keras, or tf_keras."""
    root = type(layer).__module__.split(".")[0]
    return importlib.import_module(root if root == "tf_keras" else "keras")


def model_of(layer: Any, shapes: Shapes, seed: str) -> Any:
    """A model that is this layer alone."""
    keras = keras_of(layer)
    inputs = _one_or_all([keras.Input(shape) for shape in shapes])
    return with_random_weights(keras.Model(inputs, layer(inputs)), seed)


def model_around(layer: Any, shapes: Shapes, seed: str, *, first: bool = False) -> Any:
    """A model with ReLUs before the layer and a Dense layer behind it, so that spikes flow through the layer.

    With ``first`` the layer stands before the ReLUs.
    """
    keras = keras_of(layer)
    inputs = [keras.Input(shape) for shape in shapes]
    if first:
        hidden = keras.layers.Dense(5, activation="relu")(layer(_one_or_all(inputs)))
        return with_random_weights(keras.Model(_one_or_all(inputs), keras.layers.Dense(3)(hidden)), seed)
    spiking = [keras.layers.Dense(shape[-1], activation="relu")(x) for shape, x in zip(shapes, inputs, strict=True)]
    outputs = keras.layers.Dense(3)(layer(_one_or_all(spiking)))
    return with_random_weights(keras.Model(_one_or_all(inputs), outputs), seed)


def _one_or_all(tensors: list[Any]) -> Any:
    return tensors if len(tensors) > 1 else tensors[0]


def keras_output(model: Any, samples: Any) -> dict[str, np.ndarray]:
    """What Keras itself computes, by output name; called directly, since predict() compiles for a second first."""
    outputs = model(samples, training=False)
    if isinstance(outputs, dict):
        return {name: np.asarray(y) for name, y in outputs.items()}
    values = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    names = getattr(model, "output_names", None) or [model.layers[-1].name]  # a Sequential model of Keras 3 has none
    return {name: np.asarray(y) for name, y in zip(names, values, strict=True)}
