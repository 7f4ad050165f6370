"""NengoDL, which has its own neurons and thresholds: the network is converted as its tutorial does it.

This file runs on Python 3.9.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import nengo
import nengo_dl
import numpy as np
import tensorflow as tf

import spiking_graph
import worker

SCALE, SYNAPSE = 100, 0.010  # the tutorial's synapse; its scale of 20 needs 30 steps, and no scale costs time
BATCHES = (8, 32, 128)
_open: list[nengo_dl.Simulator] = []


def keras_model(nodes: list[spiking_graph.Node]) -> tf.keras.Model:
    """The dense network in Keras 2: a chain of convolutions without padding, dense layers and ReLUs."""
    layers, weights = tf.keras.layers, {}
    for node in nodes:
        settings = node.settings
        if node.kind == "Input":
            value = first = tf.keras.Input(node.shape)
            continue
        if node.kind == "Conv":
            kernel = settings["kernel"]
            layer = layers.Conv2D(kernel.shape[-1], kernel.shape[:2], strides=settings["strides"])
        elif node.kind == "Dense":
            layer = layers.Dense(settings["kernel"].shape[1])
        elif node.kind == "Neurons":
            layer = layers.Activation(tf.keras.activations.relu)
        elif node.kind == "Reshape":
            layer = layers.Flatten()
        elif node.kind == "Output":
            continue
        else:
            raise ValueError(f"{node.name}: expected a layer of the tutorial's network, received {node.kind}")
        value = layer(value)
        if "kernel" in settings:
            weights[layer] = [settings["kernel"], settings["bias"]]
    model = tf.keras.Model(first, value)
    for layer, values in weights.items():
        layer.set_weights(values)
    return model


def prepare(settings: dict[str, Any]) -> Any:
    steps, batch = worker.steps(), settings["batch"]
    while _open:
        _open.pop().close()
    model = keras_model(spiking_graph.read(worker.folder()))
    neurons = {tf.keras.activations.relu: nengo.SpikingRectifiedLinear()}
    converter = nengo_dl.Converter(model, swap_activations=neurons, scale_firing_rates=SCALE, synapse=SYNAPSE)
    with converter.net:
        nengo_dl.configure_settings(stateful=False, use_loop=settings["loop"])
    unrolled = 1 if settings["loop"] else steps
    simulator = nengo_dl.Simulator(
        converter.net, minibatch_size=batch, unroll_simulation=unrolled, seed=0, progress_bar=False
    )
    _open.append(simulator)
    place, output = converter.inputs[model.inputs[0]], converter.outputs[model.outputs[0]]

    def with_samples(x: np.ndarray) -> Any:
        rows = np.resize(np.arange(len(x)), -(-len(x) // batch) * batch)  # whole batches only
        currents = np.repeat(x.reshape(len(x), 1, -1)[rows], steps, axis=1)

        def run() -> np.ndarray:
            return simulator.predict({place: currents}, verbose=0)[output][: len(x), -1].argmax(axis=-1)

        return run

    return with_samples


if __name__ == "__main__":
    candidates = [{"batch": b, "loop": loop} for b in BATCHES for loop in (True, False)]
    worker.serve(f"NengoDL {nengo_dl.__version__} on TensorFlow {tf.__version__}", candidates, prepare)
