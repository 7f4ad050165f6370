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


def main() -> None:
    results = {}
    for name, make in CASES.items():
        model = model_of(make)
        results[f"{name}/output"] = ops.convert_to_numpy(model(samples()))
        for index, gradient in enumerate(gradients(model, samples())):
            results[f"{name}/gradient_{index}"] = gradient
    np.savez(sys.argv[1], **results)


if __name__ == "__main__":
    main()
