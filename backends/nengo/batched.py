"""A nengo.Network of Nodes and neurons, run for a batch of samples at once with NumPy.

It gives what nengo.Simulator gives: gains, biases, initial states and weights are those that nengo's own builder makes,
neurons are stepped by their own ``step``, and synapses are their own discrete-time filters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.builder import Model
from nengo.ensemble import Neurons
from nengo.neurons import NeuronType, RatesToSpikesNeuronType

from ...converter.ops import Array, Conv
from ...converter.ops.window import same_padding
from ...errors import BackendError
from .tensor_node import InstantStep, RateDomainStep

__all__ = ["BatchedNetwork"]


@dataclass(frozen=True, eq=False)
class _Link:
    """A Connection, ready for batches."""

    source: Any
    target: Any
    source_slice: Any
    target_slice: Any
    weigh: Callable[[Array], Array]
    gain: Array | None  # of the neurons that it reaches
    synapse: Any
    size: int  # of what it carries

    def carry(self, x: Array) -> Array:
        return self.weigh(x[:, self.source_slice])

    def arrive(self, current: Array, carried: Array) -> None:
        current[:, self.target_slice] += carried if self.gain is None else carried * self.gain[self.target_slice]


@dataclass(frozen=True, eq=False)
class _State:
    """A batch of neurons: their type with its state; and the rate type below a type that makes rates to spikes."""

    neuron_type: NeuronType
    arrays: dict[str, Any]
    base: NeuronType | None
    base_arrays: dict[str, Any]

    def step(self, dt: float, current: Array) -> Array:
        """Step the neurons and return their output, ``(batch, neurons)``."""
        if self.base is not None:
            _step(self.base, dt, current, self.base_arrays)
            current = self.base_arrays["output"]
        _step(self.neuron_type, dt, current, self.arrays)
        output: Array = self.arrays["output"]
        return output


def _step(neuron_type: NeuronType, dt: float, current: Array, state: Mapping[str, Any]) -> None:
    """Step a batch of neurons; types that draw random numbers count their neurons, so they get flat arrays."""
    if all(isinstance(value, np.ndarray) for value in state.values()):
        neuron_type.step(dt, current, **state)
    else:
        flat = {name: v.reshape(-1) if isinstance(v, np.ndarray) else v for name, v in state.items()}
        neuron_type.step(dt, current.reshape(-1), **flat)


class BatchedNetwork:
    """A built network; `run` may be called any number of times, each time from the initial state.

    Parameters
    ----------
    network
        Nodes, Neurons and the Connections between them; no decoded Ensembles, no learning, no Processes.
    dt
        The step in seconds.

    Raises
    ------
    BackendError
        For anything else; nengo.Simulator runs such a network.
    """

    def __init__(self, network: nengo.Network, dt: float) -> None:
        self._dt = dt
        self._model = Model(dt=dt)
        self._model.build(network)
        links = [self._link(connection) for connection in network.all_connections]
        self._delayed = [link for link in links if link.synapse is not None]
        objects = [*network.all_nodes, *(ensemble.neurons for ensemble in network.all_ensembles)]
        self._into: dict[Any, list[_Link]] = {obj: [] for obj in objects}
        for link in links:
            self._into[link.target].append(link)
        self._order = self._in_order(objects)

    def run(
        self, feeds: Mapping[nengo.Node, Array], n_steps: int, targets: Mapping[str, tuple[Any, Any]]
    ) -> dict[str, Array]:
        """Run a batch.

        Parameters
        ----------
        feeds
            Node → what it puts out instead of its own: ``(batch, size)``, held for all steps, or
            ``(batch, steps, size)``.
        targets
            Name → an object to record, and the synapse to record it through or None.

        Returns
        -------
        records
            Name → ``(batch, steps, size)``.
        """
        batch = len(next(iter(feeds.values())))
        steady = self._steady(feeds)
        states = {obj: self._initial_state(obj, batch) for obj in self._order if isinstance(obj, Neurons)}
        filters = {link: self._filter(link.synapse, (batch, link.size)) for link in self._delayed}
        probes = {name: self._filter(s, (batch, obj.size_out)) for name, (obj, s) in targets.items() if s is not None}
        arriving = {link: np.zeros((batch, link.size)) for link in self._delayed}
        probed = {name: np.zeros((batch, targets[name][0].size_out)) for name in probes}
        records = {name: np.zeros((batch, n_steps, obj.size_out)) for name, (obj, _) in targets.items()}
        values: dict[Any, Array] = {}
        held: dict[_Link, Array] = {}
        for step in range(n_steps):
            time = (step + 1) * self._dt
            for obj in self._order:
                if step and obj in steady:
                    continue
                if obj in feeds:
                    values[obj] = feeds[obj] if feeds[obj].ndim == 2 else feeds[obj][:, step]
                    continue
                current = self._bias(obj, batch)
                for link in self._into[obj]:
                    if link.synapse is None and link not in held:
                        carried = link.carry(values[link.source])
                        if link.source in steady:
                            held[link] = carried
                    else:
                        carried = held[link] if link in held else arriving[link]
                    link.arrive(current, carried)
                if isinstance(obj, Neurons):
                    values[obj] = states[obj].step(self._dt, current)
                else:
                    values[obj] = _node_output(obj, time, current)
            for name, (obj, _) in targets.items():
                records[name][:, step] = probed[name] if name in probes else values[obj]
            # what passes a synapse in this step arrives in the next, as in nengo.Simulator
            for link, through in filters.items():
                arriving[link] = through(time, link.carry(values[link.source]))
            for name, through in probes.items():
                probed[name] = through(time, values[targets[name][0]])
        return records

    def _link(self, connection: nengo.Connection) -> _Link:
        source, target = connection.pre_obj, connection.post_obj
        plain = isinstance(source, (nengo.Node, Neurons)) and isinstance(target, (nengo.Node, Neurons))
        if not plain or connection.function is not None or connection.learning_rule_type is not None:
            raise BackendError(
                f"{connection}: expected a connection between Nodes and neurons without a function or learning rule; "
                "run the network in nengo.Simulator"
            )
        gain = self._model.params[target.ensemble].gain if isinstance(target, Neurons) else None
        return _Link(
            source=source,
            target=target,
            source_slice=connection.pre_slice,
            target_slice=connection.post_slice,
            weigh=_weigh(connection, self._model.params[connection].weights),
            gain=gain,
            synapse=connection.synapse,
            size=connection.size_out,
        )

    def _in_order(self, objects: Sequence[Any]) -> list[Any]:
        """Return the objects so that each comes after those that reach it within the step."""
        order: list[Any] = []
        left = {obj: sum(link.synapse is None for link in self._into[obj]) for obj in objects}
        readers: dict[Any, list[Any]] = {obj: [] for obj in objects}
        for obj in objects:
            for link in self._into[obj]:
                if link.synapse is None:
                    readers[link.source].append(obj)
        ready = [obj for obj in objects if not left[obj]]
        while ready:
            obj = ready.pop()
            order.append(obj)
            for reader in readers[obj]:
                left[reader] -= 1
                if not left[reader]:
                    ready.append(reader)
        if len(order) < len(objects):
            raise BackendError("expected a synapse in every loop of the network, found a loop without one")
        return order

    def _steady(self, feeds: Mapping[Any, Array]) -> set[Any]:
        """Return the Nodes whose output is the same at every step."""
        steady: set[Any] = set()
        for obj in self._order:
            if isinstance(obj, Neurons):
                continue
            if obj in feeds:
                same = feeds[obj].ndim == 2
            elif obj.output is None or isinstance(obj.output, InstantStep):
                same = all(link.synapse is None and link.source in steady for link in self._into[obj])
                same = same and not isinstance(obj.output, RateDomainStep)
            else:
                same = not callable(obj.output)
            if same:
                steady.add(obj)
        return steady

    def _bias(self, obj: Any, batch: int) -> Array:
        if isinstance(obj, Neurons):
            return np.tile(self._model.params[obj.ensemble].bias, (batch, 1))
        return np.zeros((batch, obj.size_in))

    def _initial_state(self, neurons: Neurons, batch: int) -> _State:
        """Return what the neurons' ``step`` is called with, for a batch: the same for each sample."""
        neuron_type = neurons.ensemble.neuron_type
        rng = np.random.RandomState(self._model.seeds[neurons.ensemble] + 1)

        def arrays(of: NeuronType) -> dict[str, Any]:
            state: dict[str, Any] = {"output": np.zeros((batch, neurons.size_out))}
            for name, value in of.make_state(neurons.size_in, rng=rng).items():
                plain = isinstance(value, np.ndarray)  # else it is a random number generator
                state[name] = np.tile(self._model.sig[neurons][name].initial_value, (batch, 1)) if plain else value
            return state

        base = neuron_type.base_type if isinstance(neuron_type, RatesToSpikesNeuronType) else None
        return _State(neuron_type, arrays(neuron_type), base, {} if base is None else arrays(base))

    def _filter(self, synapse: Any, shape: tuple[int, int]) -> Callable[[float, Array], Array]:
        state = synapse.make_state(shape, shape, self._dt)
        step: Callable[[float, Array], Array] = synapse.make_step(shape, shape, self._dt, rng=None, state=state)
        return step


def _node_output(node: nengo.Node, time: float, current: Array) -> Array:
    """Return a Node's output for a batch; a function that knows no batches is called for each sample."""
    output = node.output
    if output is None:
        return current
    if isinstance(output, InstantStep) and not isinstance(output, RateDomainStep):
        return output.batched(current)
    if isinstance(output, (nengo.Process, RateDomainStep)):
        raise BackendError(f"{node}: expected a Node without a state of its own; run the network in nengo.Simulator")
    if not callable(output):
        return np.tile(np.asarray(output, np.float64), (len(current), 1))
    rows = [output(time, row) if node.size_in else output(time) for row in current]
    return np.asarray(rows, np.float64).reshape(len(current), node.size_out)


def _weigh(connection: nengo.Connection, weights: Any) -> Callable[[Array], Array]:
    """Return a transform as a function of ``(batch, size_in)``."""
    transform = connection.transform
    if isinstance(transform, nengo.transforms.NoTransform):
        return lambda x: x
    if isinstance(transform, nengo.Convolution):
        return _convolution(transform, np.asarray(weights))
    if isinstance(transform, nengo.Sparse):
        matrix = weights.allocate() if hasattr(weights, "allocate") else weights
        matrix = matrix.tocsr()
        return lambda x: np.ascontiguousarray((matrix @ x.T).T)
    if isinstance(transform, nengo.Dense):
        dense = np.asarray(weights)
        return (lambda x: x * dense) if dense.ndim < 2 else (lambda x: x @ dense.T)
    raise BackendError(
        f"{connection}: expected a Dense, Sparse or Convolution transform, received {type(transform).__name__}; "
        "run the network in nengo.Simulator"
    )


def _convolution(transform: nengo.Convolution, kernel: Array) -> Callable[[Array], Array]:
    shape = transform.input_shape
    spatial, strides = shape.spatial_shape, transform.strides
    ones = (1,) * len(spatial)
    same = transform.padding == "same"
    padding = same_padding(spatial, transform.kernel_size, strides, ones) if same else ((0, 0),) * len(spatial)
    groups = getattr(transform, "groups", 1)
    op = Conv(kernel=kernel, strides=strides, dilation=ones, padding=padding, groups=groups)
    first = not shape.channels_last

    def weigh(x: Array) -> Array:
        images = x.reshape(len(x), *shape.shape)
        y = op.apply(np.moveaxis(images, 1, -1) if first else images)
        return (np.moveaxis(y, -1, 1) if first else y).reshape(len(x), -1)

    return weigh
