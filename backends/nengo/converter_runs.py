"""How a Converter's network is run: samples as feeds, batches in NumPy, and one by one in nengo.Simulator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import nengo
import numpy as np
from nengo.builder import Model

from ...converter.graph import Graph
from ...converter.ops import Array
from ...errors import DataError, UsageError
from ...samples import as_samples
from .batched import BatchedNetwork
from .build import NengoNetwork

__all__ = ["as_feeds", "run_in_batches", "run_in_simulator"]

_BATCH_BYTES = 16 * 2**20  # larger batches leave the processor's cache and take longer


def as_feeds(graph: Graph, x: Any, n_steps: int | None, *, temporal: bool) -> tuple[dict[str, Array], int]:
    """Return samples as what input Nodes put out, and for how many steps.

    Parameters
    ----------
    x
        Samples ``(n, *shape)``, or for a temporal model sequences ``(n, steps, *shape)``; a list or a mapping by input
        name where there are several.

    Returns
    -------
    feeds
        Input node → ``(n, size)``, or ``(n, steps, size)``.
    n_steps
        The given number, or that of the sequences.

    Raises
    ------
    DataError
        For samples that do not fit.
    UsageError
        For a number of steps below 1, or none where there is no sequence.
    """
    if not temporal:
        if n_steps is None or n_steps < 1:
            raise UsageError(f"expected n_steps of at least 1, received {n_steps}")
        alone = isinstance(x, (list, tuple)) and len(x) == 1 and len(graph.inputs) == 1
        if alone and np.ndim(x[0]) == len(graph.inputs[0].shape) + 1:
            x = x[0]  # NengoDL's users pass a list also for one input
        samples = as_samples(graph, x)
        flat = {n.name: s.reshape(len(s), -1).astype(np.float64) for n, s in zip(graph.inputs, samples, strict=True)}
        return flat, int(n_steps)
    arrays = list(x.values()) if isinstance(x, Mapping) else list(x) if isinstance(x, (list, tuple)) else [x]
    if isinstance(x, Mapping) and set(x) == {node.name for node in graph.inputs}:
        arrays = [x[node.name] for node in graph.inputs]
    if len(arrays) != len(graph.inputs):
        raise DataError(f"expected {len(graph.inputs)} arrays of sequences, received {len(arrays)}")
    feeds = {}
    for node, array in zip(graph.inputs, map(np.asarray, arrays), strict=True):
        if array.ndim != 2 + len(node.shape) or array.shape[2:] != node.shape:
            expected = ", ".join(["n", "steps", *map(str, node.shape)])
            raise DataError(f"{node.name}: expected sequences of shape ({expected}), received {array.shape}")
        feeds[node.name] = array.reshape(*array.shape[:2], math.prod(node.shape)).astype(np.float64)
    lengths = {array.shape[:2] for array in feeds.values()}
    steps = min(length for _, length in lengths)
    if len(lengths) > 1 or (n_steps is not None and n_steps > steps):
        raise DataError(f"expected sequences of one length, of {n_steps or 'any number of'} steps, received {lengths}")
    return feeds, steps if n_steps is None else int(n_steps)


def run_in_batches(
    built: NengoNetwork,
    feeds: Mapping[str, Array],
    n_steps: int,
    targets: Mapping[str, tuple[Any, Any]],
    *,
    dt: float,
    batch_size: int | None,
) -> dict[str, Array]:
    """Return name → ``(n, steps, size)`` of objects recorded through synapses."""
    network = BatchedNetwork(built.network, dt)
    sizes = [node.size_out for node in built.network.all_nodes]
    sizes += [ensemble.n_neurons for ensemble in built.network.all_ensembles]
    size = batch_size or int(np.clip(_BATCH_BYTES // (8 * 4 * max(sum(sizes), 1)), 1, 256))
    count = len(next(iter(feeds.values())))
    parts = []
    for start in range(0, count, size):
        part = {built.objects[name]: values[start : start + size] for name, values in feeds.items()}
        parts.append(network.run(part, n_steps, targets))
    return {name: np.concatenate([part[name] for part in parts]) for name in targets}


def run_in_simulator(built: NengoNetwork, feeds: Mapping[str, Array], n_steps: int, dt: float) -> dict[str, Array]:
    """Return output name → ``(n, steps, size)`` as nengo.Simulator computes it, sample by sample."""
    before = {name: built.objects[name].output for name in feeds}
    current: dict[str, Array] = {}

    def player(name: str) -> Any:
        def play(t: float) -> Array:
            values = current[name]
            return np.asarray(values if values.ndim == 1 else values[round(t / dt) - 1])

        return play

    found: dict[str, list[Array]] = {name: [] for name in built.outputs}
    try:
        for name, values in feeds.items():
            current[name] = values[0]
            built.objects[name].output = player(name)
        # with a Model of its own, nengo does not open its cache of decoders, which no neurons here need
        with nengo.Simulator(built.network, model=Model(dt=dt), progress_bar=False, optimize=False) as simulator:
            for index in range(len(next(iter(feeds.values())))):
                current.update({name: values[index] for name, values in feeds.items()})
                simulator.reset()
                simulator.run_steps(n_steps, progress_bar=False)
                for name, probe in built.outputs.items():
                    found[name].append(np.array(simulator.data[probe]))
    finally:
        for name, output in before.items():
            built.objects[name].output = output
    return {name: np.stack(values) for name, values in found.items()}
