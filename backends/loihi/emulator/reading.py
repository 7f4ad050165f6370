"""From what nengo-loihi built and discretised to a program. It reads attributes only, and imports nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ....converter.ops import Array, Shape
from ....errors import BackendError
from .program import NeuronArrays, Place, Program
from .row_builder import RowBuilder

__all__ = ["Layout", "program_of"]

_DECAY = 4096  # decays are parts of this


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """A population as nengo-loihi cut it into blocks.

    Attributes
    ----------
    blocks
        In nengo-loihi's order.
    shape, block_shape
        Of the population, and of the largest block.
    """

    blocks: Sequence[Any]
    shape: Shape
    block_shape: Shape

    def places(self) -> Iterator[tuple[Any, Array]]:
        """Yield each block with the numbers of its neurons in the population."""
        numbers = np.arange(prod(self.shape)).reshape(self.shape)
        starts = product(*(range(0, n, size) for n, size in zip(self.shape, self.block_shape)))
        for block, start in zip(self.blocks, starts, strict=True):
            box = tuple(slice(s, s + size) for s, size in zip(start, self.block_shape))
            yield block, numbers[box].reshape(-1)


def program_of(model: Any, layouts: Mapping[str, Layout] | None = None, inputs: Sequence[str] = ()) -> Program:
    """Return the program of a network that nengo-loihi has built, in whole numbers where it discretised the network.

    Parameters
    ----------
    model
        ``nengo_loihi.Simulator.model``.
    layouts
        Population → its blocks; a block that none of them has is a population of its own. The neurons of a population
        lie in its own order here, whatever its cores are, so that a spike reaches successive ones.
    inputs
        A name for each of the model's inputs.

    Raises
    ------
    BackendError
        Where the model learns or draws noise, or has other neurons than integrate-and-fire ones without being
        discretised.
    """
    for block in model.blocks:
        _refuse_random(block)
    layouts = _with_all_blocks(model, layouts or {})
    numbers, populations = _numbered(layouts)
    cores = {block: core for core, block in enumerate(model.blocks)}
    neurons = _neurons(numbers, cores)
    names = [*inputs, *(f"input {k}" for k in range(len(inputs), len(model.inputs)))]
    places: dict[str, Place] = {}
    for name, source in zip(names, model.inputs):
        places[name] = Place(start=sum(p.size for p in places.values()), shape=(source.n_neurons,))
    n_inputs = sum(p.size for p in places.values())
    population_of = {block: name for name, layout in layouts.items() for block in layout.blocks}
    targets = {synapse: block for block in model.blocks for synapse in block.synapses}
    rows = RowBuilder(n_inputs + len(neurons.core))
    synapses = np.zeros((n_inputs + len(neurons.core), len(cores)), np.int32)
    senders = [(s.axons, np.arange(p.size) + p.start) for s, p in zip(model.inputs, places.values())]
    senders += [(block.axons, numbers[block] + n_inputs) for block in model.blocks]
    for axons, sources in senders:
        for group, reached in _alike(axons, sources):
            _link(rows, synapses, group, reached, targets, numbers, population_of, cores)
    return Program(inputs=places, populations=populations, neurons=neurons, rows=rows.arrays(), synapses=synapses)


def _with_all_blocks(model: Any, layouts: Mapping[str, Layout]) -> dict[str, Layout]:
    named = {block for layout in layouts.values() for block in layout.blocks}
    found = dict(layouts)
    for number, block in enumerate(model.blocks):
        if block not in named:
            size = (block.n_neurons,)
            found[f"block {number}"] = Layout(blocks=(block,), shape=size, block_shape=size)
    return found


def _numbered(layouts: Mapping[str, Layout]) -> tuple[dict[Any, Array], dict[str, Place]]:
    """Return block → the numbers of its neurons among all, and the places of the populations."""
    numbers: dict[Any, Array] = {}
    populations: dict[str, Place] = {}
    start = 0
    for name, layout in layouts.items():
        populations[name] = Place(start=start, shape=tuple(layout.shape))
        for block, inside in layout.places():
            numbers[block] = inside + start
        start += populations[name].size
    return numbers, populations


def _refuse_random(block: Any) -> None:
    if np.any(block.compartment.enable_noise):
        raise BackendError(f"{block}: the chip's noise is not emulated here: build the network without it")
    if any(synapse.learning for synapse in block.synapses):
        raise BackendError(f"{block}: learning on the chip is not emulated here: build the network without it")


def _neurons(numbers: Mapping[Any, Array], cores: Mapping[Any, int]) -> NeuronArrays:
    size = sum(len(n) for n in numbers.values())
    (kind,) = {block.compartment.vth.dtype for block in numbers}
    whole = kind == np.int32
    made = {name: np.zeros(size, kind) for name in ("keep_u", "keep_v", "bias", "threshold", "lowest", "highest")}
    made |= {name: np.zeros(size, np.int32) for name in ("rest", "core")}
    for block, where in numbers.items():
        c = block.compartment
        if whole:
            made["keep_u"][where] = _DECAY - 1 - c.decay_u  # the chip adds one to the decay of the current
            made["keep_v"][where] = _DECAY - c.decay_v
        elif (c.decay_u != 1).any() or np.any(c.scale_v):
            raise BackendError(f"{block}: without rounding, expected neurons whose currents are taken as they are")
        else:
            made["keep_v"][where] = 1 - c.decay_v
        made["bias"][where] = c.bias
        made["threshold"][where] = c.vth
        made["lowest"][where] = c.vmin
        made["highest"][where] = c.vmax
        made["rest"][where] = c.refract_delay
        made["core"][where] = cores[block]
    return NeuronArrays(**made)


_Reached = list[tuple[Any, int, Array]]  # synapse, its axon, and the row of weights for each source


def _alike(axons: Sequence[Any], sources: Array) -> Iterator[tuple[Array, _Reached]]:
    """Yield sources that reach the same axons, as the channels of a pixel do, with those axons."""
    if not axons:
        return
    own = np.arange(len(sources))
    maps = np.array([np.asarray(axon.map_axon(own), dtype=np.int64) for axon in axons])
    atoms = np.array([np.asarray(axon.map_atoms(own), dtype=np.int64) for axon in axons])
    order = np.lexsort(maps)
    new = np.append(True, (np.diff(maps[:, order], axis=1) != 0).any(axis=0))
    for group in np.split(order, np.flatnonzero(new)[1:]):
        reached = [
            (axon.target, int(to[group[0]]), atom[group])
            for axon, to, atom in zip(axons, maps, atoms)
            if to[group[0]] >= 0
        ]
        yield sources[group], reached


def _link(
    rows: RowBuilder,
    synapses: Array,
    sources: Array,
    reached: _Reached,
    targets: Mapping[Any, Any],
    numbers: Mapping[Any, Array],
    population_of: Mapping[Any, str],
    cores: Mapping[Any, int],
) -> None:
    """Link sources that reach the same axons to the neurons behind these, a row for each population."""
    found: dict[str, list[tuple[Array, Array]]] = {}
    for synapse, axon, atoms in reached:
        base = synapse.axon_compartment_base(axon)
        if base is None:
            continue
        number = synapse.axon_weight_idx(axon)
        weights, indices = synapse.weights[number][atoms], synapse.indices[number][atoms]
        if len(indices) > 1 and (indices != indices[0]).any():
            for k in range(len(sources)):
                _link(
                    rows,
                    synapses,
                    sources[k : k + 1],
                    [(synapse, axon, atoms[k : k + 1])],
                    targets,
                    numbers,
                    population_of,
                    cores,
                )
            continue
        block = targets[synapse]
        synapses[sources, cores[block]] += weights.shape[1]
        local, last = np.unique(indices[0][::-1], return_index=True)  # of a neuron named twice, NumPy keeps the last
        weights = weights[:, ::-1][:, last]
        found.setdefault(population_of[block], []).append((numbers[block][base + local], weights))
    for parts in found.values():
        reach = np.concatenate([where for where, _ in parts])
        weights = np.concatenate([w for _, w in parts], axis=1)
        distinct, place = np.unique(reach, return_inverse=True)
        if len(distinct) < len(reach):  # two connections into one population
            summed = np.zeros((len(sources), len(distinct)), weights.dtype)
            np.add.at(summed.T, place, weights.T)
            reach, weights = distinct, summed
        rows.add(sources, reach, weights)
