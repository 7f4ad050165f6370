"""The graph as a functional Keras model, a layer for each node; and trained layers back into the graph."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import keras

from ...converter.graph import Graph
from ...converter.ops import Cell, Input, Neurons, Output, is_population
from ...errors import BackendError, UsageError
from ...training.surrogates import Surrogate
from .cell_layer import CellLayer
from .op_layer import OpLayer
from .population import RATE, Population
from .quantised import Quantised
from .read_out import ReadOut
from .rounded import Rounded, WeightGrid

__all__ = ["keras_model", "trained_graph"]


def keras_model(
    graph: Graph,
    n_steps: int,
    *,
    gradient: str | Surrogate = RATE,
    slope: float = 1.0,
    every_step: bool = False,
    sequences: bool = False,
    quantised: bool = False,
    record: Iterable[str] = (),
    grids: Mapping[str, WeightGrid] | None = None,
    dtype: str | None = None,
    name: str = "spiking",
) -> Any:
    """Return a graph as a Keras model.

    Parameters
    ----------
    n_steps
        How many steps a sample is presented.
    gradient, slope
        As for `Population`.
    every_step
        Put out the read-out at every step rather than the last: ``(batch, steps, *shape)``.
    sequences
        Samples come with the current of each step: ``(batch, n_steps, *shape)``.
    quantised
        Without time: each neuron puts out what it would on average over ``n_steps`` of its current (`Quantised`).
    record
        Populations whose output nθ at each step is an output of the model as well, by their names.
    grids
        Node → the values that its kernel may have (`Rounded`).
    dtype
        "float64" for the very events of the other backends; by default that of Keras.

    Returns
    -------
    model
        It puts out one tensor, or a dict by Keras output name where there are several outputs.

    Raises
    ------
    UsageError
        For steps below 1, or a population that does not exist.
    BackendError
        For neurons that draw random numbers, or layers that were trained on spikes with ``quantised``.
    """
    if n_steps < 1:
        raise UsageError(f"expected at least 1 step, received {n_steps}")
    if quantised and (sequences or every_step):
        raise UsageError("expected samples and one output for each with quantised=True, which knows no steps")
    cells = [node.name for node in graph.nodes.values() if isinstance(node.op, Cell)]
    if cells and quantised:
        raise BackendError(
            f"{cells[0]}: expected neurons that stand for an activation with quantised=True, received a layer that was "
            "trained on spikes"
        )
    recorded = tuple(record)
    for wanted in recorded:
        if wanted not in graph.nodes or not is_population(graph.nodes[wanted].op):
            raise UsageError(f"expected to record populations of the network, received {wanted!r}")
    tensors: dict[str, Any] = {}
    moving: dict[str, bool] = {}
    inputs = []
    taken: set[str] = set()
    for node in graph.nodes.values():
        label = _label(node.name, taken)
        if isinstance(node.op, Input):
            shape = (n_steps, *node.shape) if sequences else node.shape
            tensors[node.name] = keras.Input(shape, name=label, dtype=dtype)
            moving[node.name] = sequences
            inputs.append(tensors[node.name])
            continue
        reads = [moving[i] for i in node.inputs]
        options: dict[str, Any] = {"name": label, "dtype": dtype}
        if isinstance(node.op, Neurons) and quantised:
            layer: OpLayer = Quantised(node.name, node.op, reads, n_steps=n_steps, **options)
        elif isinstance(node.op, Neurons | Cell):
            options |= {"n_steps": n_steps, "gradient": gradient, "slope": slope}
            layer = (Population if isinstance(node.op, Neurons) else CellLayer)(node.name, node.op, reads, **options)
        elif isinstance(node.op, Output):
            layer = ReadOut(node.name, node.op, reads, every_step=every_step, **options)
        elif grids and node.name in grids:
            layer = Rounded(node.name, node.op, reads, grid=grids[node.name], **options)
        else:
            layer = OpLayer(node.name, node.op, reads, **options)
        read = [tensors[i] for i in node.inputs]
        tensors[node.name] = layer(read if len(read) > 1 else read[0])
        moving[node.name] = any(reads) or (isinstance(node.op, Neurons | Cell) and not quantised)
    outputs = {name: tensors[place] for name, place in graph.outputs.items()}
    outputs |= {name: tensors[name] for name in recorded}
    only = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, only, name=name)


def trained_graph(graph: Graph, model: Any) -> Graph:
    """Return a graph with the weights of a model that `keras_model` made of it.

    Raises
    ------
    UsageError
        For a model that was made of another graph.
    """
    layers = {layer.node: layer for layer in model.layers if isinstance(layer, OpLayer)}
    expected = [node.name for node in graph.nodes.values() if not isinstance(node.op, Input)]
    fits = set(layers) == set(expected) and all(
        layers[name].op.kind == graph.nodes[name].op.kind and _shapes(layers[name].op) == _shapes(graph.nodes[name].op)
        for name in expected
    )
    if not fits:
        raise UsageError(
            f"expected a model that to_keras made of this network, received {model.name}, which it did not"
        )
    return graph.rewritten(replace(graph.nodes[name], op=layers[name].trained_op()) for name in expected)


def _shapes(op: Any) -> list[tuple[int, ...]]:
    return [value.shape for value in vars(op).values() if hasattr(value, "shape") and hasattr(value, "dtype")]


def _label(name: str, taken: set[str]) -> str:
    """Return a name that Keras takes, and that no other layer has."""
    label = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    while label in taken:
        label += "_"
    taken.add(label)
    return label
