"""Gradients of a Keras model on whichever Keras backend is in use; as a script, what one backend makes of each layer.

``python keras_gradients.py OUT.npz`` writes the outputs and gradients of `CASES` on the backend of KERAS_BACKEND.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from spikeport import training
from spikeport.backends.keras.model import keras_model
from spikeport.converter.graph import Graph, Node
from spikeport.converter.ops import Conv, Dense, Input, MaxPool, Neurons, Output, Reshape

BATCH, STEPS, UNITS = 3, 9, 5

CASES: dict[str, Callable[[], Any]] = {
    "leaky": lambda: training.Leaky(0.8, learn_beta=True, learn_threshold=True, slope=3.0),
    "leaky-through-reset": lambda: training.Leaky(0.8, detach_reset=False, surrogate="sigmoid", slope=3.0),
    "leaky-zero": lambda: training.Leaky(0.7, reset="zero", surrogate="arctan", slope=2.0),
    "lif": lambda: training.LIF(0.01, learn_tau=True, surrogate="triangular", slope=0.8),
    "adaptive": lambda: training.AdaptiveLIF(tau_n=0.02, inc_n=0.01, surrogate="superspike", slope=2.0),
    "cuba": lambda: training.CubaLIF(0.6, 0.8, learn_alpha=True, learn_beta=True, slope=3.0),
    "recurrent": lambda: training.RecurrentLIF(0.8, learn_beta=True, surrogate="arctan", slope=2.0),
    "integrator": lambda: training.LeakyIntegrator(0.8, learn_beta=True),
    "lowpass": lambda: training.Lowpass(0.003),
    "alpha": lambda: training.Alpha(0.003),
    "spiking-activation": lambda: training.SpikingActivation("relu", dt=0.5, initial_state=0.5),
    "in-one-loop": lambda: training.InOneLoop(
        [training.Leaky(0.8, slope=3.0), training.RecurrentLIF(0.7, recurrent_initializer="identity", slope=3.0)]
    ),
    "loop": lambda: training.Leaky(0.8, unroll=False, slope=3.0),
}


def model_of(make: Callable[[], Any]) -> Any:
    """Dense, the layer, Dense, with weights that are the same on every backend."""
    inputs = keras.Input((STEPS, UNITS))
    outputs = keras.layers.Dense(2)(make()(keras.layers.Dense(UNITS)(inputs)))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        if weight.name in ("kernel", "recurrent_kernel", "bias"):
            weight.assign(rng.normal(0.1, 0.8, weight.shape))
    return model


def samples() -> np.ndarray:
    return np.random.default_rng(4).normal(0.3, 1, (BATCH, STEPS, UNITS)).astype(keras.backend.floatx())


def loss_of(outputs: Any) -> Any:
    weights = np.cos(np.arange(BATCH * STEPS * 2)).reshape(BATCH, STEPS, 2)
    return ops.sum(outputs * ops.convert_to_tensor(weights, outputs.dtype))


def gradients(model: Any, x: np.ndarray, loss: Callable[[Any], Any] = loss_of) -> list[np.ndarray]:
    """The gradient of a loss of the outputs by each trainable weight."""
    backend = keras.backend.backend()
    weights = model.trainable_weights
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss(model(x, training=True))
        found = tape.gradient(value, [w.value for w in weights])
    elif backend == "jax":
        import jax

        def of_weights(values: Any) -> Any:
            fixed = [v.value for v in model.non_trainable_variables]
            return loss(model.stateless_call(values, fixed, x, training=True)[0])

        found = jax.grad(of_weights)([w.value for w in weights])
    else:
        model.zero_grad()
        loss(model(x, training=True)).backward()
        found = [w.value.grad for w in weights]
    return [ops.convert_to_numpy(g) for g in found]


# how a converted network becomes a Keras model
CONVERTED: dict[str, dict[str, Any]] = {
    "rate": {"gradient": "rate"},
    "surrogate": {"gradient": "triangular", "slope": 0.7},
    "quantised": {"quantised": True},
}


def converted_graph() -> Graph:
    """A convolution, pooling of events, neurons that take events back, and a softmax read-out."""
    rng = np.random.default_rng(7)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0.1, 0.6, shape).astype(np.float32)

    theta = np.array([0.3, 0.5, 0.4], np.float32)
    same = {"strides": (1, 1), "dilation": (1, 1), "padding": ((1, 1), (1, 1))}
    nodes = [
        Node(name="x", op=Input(shape=(5, 5, 2))),
        Node(name="conv", op=Conv(kernel=floats(3, 3, 2, 3), bias=floats(3), **same), inputs=("x",)),
        Node(name="first", op=Neurons(threshold=theta, scale=theta, n_min=-1, n_max=3), inputs=("conv",)),
        Node(name="pool", op=MaxPool(pool_size=(2, 2), strides=(2, 2), padding=((0, 1), (0, 1))), inputs=("first",)),
        Node(name="flat", op=Reshape(shape=(27,)), inputs=("pool",)),
        Node(name="dense", op=Dense(kernel=floats(27, 3), bias=floats(3)), inputs=("flat",)),
        Node(name="second", op=Neurons(threshold=theta, scale=theta), inputs=("dense",)),
        Node(name="last", op=Dense(kernel=floats(3, 2)), inputs=("second",)),
        Node(name="out", op=Output(function="softmax"), inputs=("last",)),
    ]
    return Graph.build(nodes, {"out": "out"})


def main() -> None:
    results = {}
    x = np.random.default_rng(5).random((BATCH, 5, 5, 2), np.float32)
    for name, options in CONVERTED.items():
        model = keras_model(converted_graph(), 6, **options)
        results[f"{name}/output"] = ops.convert_to_numpy(model(x))
        found = gradients(model, x, lambda y: ops.sum(y[:, 0]))
        results |= {f"{name}/gradient_{i}": value for i, value in enumerate(found)}
    for name, make in CASES.items():
        model = model_of(make)
        results[f"{name}/output"] = ops.convert_to_numpy(model(samples()))
        for index, gradient in enumerate(gradients(model, samples())):
            results[f"{name}/gradient_{index}"] = gradient
    np.savez(sys.argv[1], **results)


if __name__ == "__main__":
    main()
