"""From scaled populations to a nengo.Network, ready for nengo-loihi. Importing this module imports nengo-loihi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...converter.ops import Array
from .arrivals import Arrival
from .compatibility import import_nengo_loihi
from .neurons import ChipIF, HostClock, HostIF
from .routes import ConvRoute, DenseRoute, Route
from .scaling import Scaled, ScaledHost, ScaledPopulation
from .twin import MIN_VOLTAGE

nengo_loihi = import_nengo_loihi()

import nengo  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402

__all__ = ["DT", "LoihiNetwork", "build_network"]

DT = 0.001  # seconds a step; nothing depends on it


@dataclass(frozen=True, eq=False, kw_only=True)
class LoihiNetwork:
    """A network and where to reach it.

    Attributes
    ----------
    currents
        Host source → what drives its neurons, in thresholds a step, flattened; set it before a run.
    ensembles
        Population → its neurons, the negative set of an encoder behind the positive one.
    probes
        The same → their spikes.
    arrivals
        What the host sends to the chip, in the order of the connections.
    """

    network: Any
    currents: dict[str, Array]
    ensembles: Mapping[str, tuple[Any, ...]]
    probes: Mapping[str, tuple[Any, ...]]
    arrivals: tuple[Arrival, ...]


def build_network(scaled: Mapping[str, Scaled], seed: int = 0) -> LoihiNetwork:
    """Return the network: host neurons, the chip's populations, the clock, and a probe on each population."""
    currents: dict[str, Array] = {}
    ensembles: dict[str, tuple[Any, ...]] = {}
    arrivals: list[Arrival] = []
    chip = [s for s in scaled.values() if isinstance(s, ScaledPopulation)]
    with nengo.Network(seed=seed) as network:
        nengo_loihi.add_params(network)
        clock = _clock(network, chip)
        for name, population in scaled.items():
            if isinstance(population, ScaledHost):
                ensembles[name] = _host(network, name, population, currents)
                continue
            ensemble = _ensemble(network, name, population.population.shape, _neuron(population), population.bias / DT)
            placement = population.fitted.placement
            network.config[ensemble].block_shape = nengo_loihi.BlockShape(placement.block_shape, placement.shape)
            ensembles[name] = (ensemble,)  # before its connections, one of which may be to itself
            for source, route in population.routes.items():
                for place, sender in enumerate(ensembles[source]):
                    transform = _transform(route, -1.0 if place else 1.0)
                    nengo.Connection(sender.neurons, ensemble.neurons, transform=transform, synapse=None)
                    if isinstance(scaled[source], ScaledHost):
                        arrivals.append(Arrival(source=source, sign=-1 if place else 1, size=sender.n_neurons))
            arrivals.append(_connect_clock(clock, ensemble, population, chip))
        probes = {name: tuple(nengo.Probe(e.neurons, synapse=None) for e in es) for name, es in ensembles.items()}
    return LoihiNetwork(
        network=network, currents=currents, ensembles=ensembles, probes=probes, arrivals=tuple(arrivals)
    )


def _neuron(population: ScaledPopulation) -> ChipIF:
    membrane, shape = population.membrane, population.population.shape
    if membrane is None:
        return ChipIF(MIN_VOLTAGE)
    keep = np.broadcast_to(membrane.keep, shape).reshape(-1)
    return ChipIF(membrane.lowest, keep=np.array(keep), rest=membrane.rest)


def _ensemble(network: Any, label: str, shape: tuple[int, ...], neuron_type: Any, bias: Array | float) -> Any:
    n = int(np.prod(shape))
    ensemble = nengo.Ensemble(
        n,
        1,
        neuron_type=neuron_type,
        gain=np.ones(n),
        bias=np.array(np.broadcast_to(bias, shape), dtype=float).reshape(-1),
        encoders=np.ones((n, 1)),
        normalize_encoders=False,
        eval_points=np.zeros((1, 1)),  # nothing is decoded
        label=label,
    )
    network.config[ensemble].on_chip = isinstance(neuron_type, ChipIF)
    return ensemble


def _host(network: Any, name: str, host: ScaledHost, currents: dict[str, Array]) -> tuple[Any, ...]:
    """Return host neurons, driven by what ``currents`` has under their name; a second set is driven by its negative."""
    n = int(np.prod(host.population.shape))
    currents[name] = np.zeros(n)
    drive = nengo.Node(lambda t: currents[name] / DT, size_out=n, label=f"{name} current")
    sets = []
    for sign in (1, -1) if host.signed else (1,):
        ensemble = _ensemble(network, name, host.population.shape, HostIF(), 0.0)
        nengo.Connection(drive, ensemble.neurons, transform=sign, synapse=None)
        sets.append(ensemble)
    return tuple(sets)


def _clock(network: Any, chip: list[ScaledPopulation]) -> Any:
    """Return the clock: neurons that spike in the first step, then one for each number of steps to hold a bias."""
    n_kicks = max(s.n_kicks for s in chip)
    held = range(1, max(s.held_steps for s in chip) + 1)
    steps = np.array([*[1] * n_kicks, *held], dtype=float)
    return _ensemble(network, "clock", steps.shape, HostClock(), steps)


def _connect_clock(clock: Any, ensemble: Any, scaled: ScaledPopulation, chip: list[ScaledPopulation]) -> Arrival:
    n_kicks = scaled.n_kicks
    n = ensemble.n_neurons
    used = list(range(n_kicks))
    weights = np.repeat(scaled.kick.reshape(n, 1) / n_kicks, n_kicks, axis=1)
    if scaled.held_steps:
        used.append(max(s.n_kicks for s in chip) + scaled.held_steps - 1)
        weights = np.hstack([weights, -scaled.bias.reshape(n, 1)])
    transform = nengo.Dense(weights.shape, init=weights)
    nengo.Connection(clock.neurons[used], ensemble.neurons, transform=transform, synapse=None)
    steps = (*[1] * n_kicks, *[scaled.held_steps] * bool(scaled.held_steps))
    return Arrival(clock=steps, size=len(steps))


def _transform(route: Route, sign: float) -> Any:
    if isinstance(route, ConvRoute):
        return nengo.Convolution(
            route.output_shape[2],
            route.input_shape,
            strides=route.strides,
            padding=route.padding,
            kernel_size=route.kernel.shape[:2],
            init=sign * route.kernel,
        )
    size = route.weights.shape[::-1]
    if isinstance(route, DenseRoute):
        return nengo.Dense(size, init=sign * route.weights.T)
    return nengo.Sparse(size, init=csr_matrix(sign * route.weights.T))  # Nengo takes no sparse array
