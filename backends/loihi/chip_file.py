"""A network as it lies on the chip, in one HDF5 file: it runs again without Keras, Nengo or nengo-loihi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array
from ...converter.storage import graph_from_json, graph_to_json, read_document, write_document
from .arrivals import Arrival
from .chip_run import Voice
from .emulation import Emulation
from .emulator.add_run import LANES
from .emulator.program import NeuronArrays, Place, Program, RowArrays
from .presentation import Presentation

__all__ = ["load_presentation", "save_presentation"]

_FORMAT = "spikeport chip program"
_VERSION = 1
_WHOLE = (np.int8, np.int16, np.int32, np.int64)


def save_presentation(path: Path, presentation: Presentation, n_steps: int, facts: Mapping[str, Any]) -> None:
    """Write what an emulated chip runs, and the host's part of the network, at once or not at all."""
    chip = presentation.chip
    if not isinstance(chip, Emulation) or not chip.program.rounds:
        raise TypeError("expected a chip that is emulated in whole numbers")
    program = chip.program
    arrays: dict[str, Array] = {}
    structure = graph_to_json(presentation.graph, arrays)
    structure |= {
        "steps": n_steps,
        "facts": dict(facts),
        "voices": {name: _voice_to_json(voice) for name, voice in presentation.voices.items()},
        "arrivals": [asdict(arrival) for arrival in chip.arrivals],
        "inputs": {name: asdict(place) for name, place in program.inputs.items()},
        "populations": {name: asdict(place) for name, place in program.populations.items()},
    }
    for part in (program.neurons, program.rows):
        arrays |= {f"chip {name}": array for name, array in part._asdict().items()}
    arrays["chip synapses"] = program.synapses
    write_document(path, _FORMAT, _VERSION, structure, arrays)


def load_presentation(path: Path, n_jobs: int | None = None) -> tuple[Presentation, int, dict[str, Any]]:
    """Return what `save_presentation` wrote, with the number of steps and the facts.

    Raises
    ------
    SourceError
        When the file is missing, damaged, or another one.
    """

    def read(structure: Any, array: Any) -> tuple[Presentation, int, dict[str, Any]]:
        graph = graph_from_json(structure, array)
        program = _program(structure, array)
        voices = {name: _voice(entry) for name, entry in structure["voices"].items()}
        arrivals = [Arrival(**{**entry, "clock": tuple(entry["clock"])}) for entry in structure["arrivals"]]
        _check(graph, program, voices, arrivals)
        chip = Emulation(program, arrivals, voices, n_jobs=n_jobs)
        steps = int(structure["steps"])
        _require(steps > 0, "at least one step")
        return Presentation(graph, voices, chip), steps, dict(structure["facts"])

    what = "expected a chip program that spikeport saved"
    return read_document(path, _FORMAT, _VERSION, what, "place the network again", read)


def _voice_to_json(voice: Voice) -> dict[str, Any]:
    # as JSON, which keeps every bit of a float64
    return {**asdict(voice), "worth": voice.worth.tolist(), "offset": voice.offset.tolist()}


def _voice(entry: Mapping[str, Any]) -> Voice:
    rows, columns, channels = (int(n) for n in entry["shape"])
    return Voice(
        shape=(rows, columns, channels),
        depth=int(entry["depth"]),
        on_chip=bool(entry["on_chip"]),
        encodes=bool(entry["encodes"]),
        worth=np.array(entry["worth"], np.float64),
        offset=np.array(entry["offset"], np.float64),
    )


def _program(structure: Any, array: Any) -> Program:
    def places(name: str) -> dict[str, Place]:
        return {n: Place(start=int(p["start"]), shape=tuple(map(int, p["shape"]))) for n, p in structure[name].items()}

    def whole(name: str) -> Array:
        values = array(f"chip {name}")
        if values.dtype not in _WHOLE:
            raise ValueError(f"{name}: expected whole numbers, received {values.dtype}")
        return np.ascontiguousarray(values)

    return Program(
        inputs=places("inputs"),
        populations=places("populations"),
        neurons=NeuronArrays(*(whole(name) for name in NeuronArrays._fields)),
        rows=RowArrays(*(whole(name) for name in RowArrays._fields)),
        synapses=whole("synapses"),
    )


def _check(graph: Graph, program: Program, voices: Mapping[str, Voice], arrivals: list[Arrival]) -> None:
    """Raise a ValueError unless every number names what is there: compiled loops do not look."""
    neurons, rows = program.neurons, program.rows
    n, sources = program.n_neurons, len(rows.first_link) - 1
    _require(all(a.shape == (n,) and a.dtype == np.int32 for a in neurons), "neurons with arrays of one length")
    links = (rows.first_link, rows.link_row, rows.link_target, rows.first_run, rows.run_start, rows.run_length)
    _require(all(a.dtype == np.int32 and a.ndim == 1 for a in (*links, rows.run_shift)), "numbers of 32 bits")
    _require(rows.run_weight.dtype == np.int64 and rows.weights.dtype in _WHOLE[:3], "weights of at most 32 bits")
    _require(program.synapses.shape[0] == sources and program.synapses.ndim == 2, "synapses for each source")
    _require(_within(neurons.core, program.n_cores), "the number of a core for each neuron")
    _require(_rising(rows.first_link, len(rows.link_row)), "the links of each source")
    _require(_rising(rows.first_run, len(rows.run_start)), "the runs of each row")
    _require(len(rows.link_target) == len(rows.link_row), "a target for each link")
    _require(_within(rows.link_row, len(rows.first_run) - 1), "the number of a row for each link")
    runs = {len(a) for a in (rows.run_start, rows.run_length, rows.run_weight, rows.run_shift)}
    _require(len(runs) == 1, "runs with arrays of one length")
    _require((rows.run_length > 0).all() and _within(rows.run_shift, 32), "runs of weights")
    filled = -(-rows.run_length.astype(np.int64) // LANES) * LANES
    _require((rows.run_weight >= 0).all() and (rows.run_weight + filled <= len(rows.weights)).all(), "runs of weights")
    reach = np.zeros(len(rows.first_run) - 1, np.int64)
    lowest = np.zeros_like(reach)
    row_of_run = np.repeat(np.arange(len(reach)), np.diff(rows.first_run))
    np.maximum.at(reach, row_of_run, rows.run_start + rows.run_length.astype(np.int64))
    np.minimum.at(lowest, row_of_run, rows.run_start)
    first, last = rows.link_target + lowest[rows.link_row], rows.link_target + reach[rows.link_row]
    _require((first >= 0).all() and (last <= n).all(), "links to neurons that are there")
    _require(sum(place.size for place in program.populations.values()) == n, "populations of all neurons")
    _require(all(p.start >= 0 and p.start + p.size <= n for p in program.populations.values()), "populations")
    _require(sum(a.size for a in arrivals) == program.n_inputs, "as many arrivals as inputs")
    _require(all(len(a.clock) in (0, a.size) and a.size > 0 and a.sign in (-1, 1) for a in arrivals), "sound arrivals")
    host = {name: prod(voice.shape) for name, voice in voices.items() if not voice.on_chip}
    _require(all(a.clock or host.get(a.source) == a.size for a in arrivals), "arrivals from the host's neurons")
    _require(set(program.populations) == set(voices) - set(host), "a place for each population of the chip")
    _require(set(voices) <= set(graph.nodes), "populations of the graph")
    for name, voice in voices.items():
        channels = (voice.shape[2],)
        _require(prod(voice.shape) == prod(graph.nodes[name].shape), f"{name} of the size of its node")
        _require(voice.worth.shape == voice.offset.shape == channels, f"{name} with a worth for each channel")
        _require((voice.worth != 0).all() and 0 <= voice.depth <= len(voices), f"{name} with a worth and a depth")
        _require(not voice.on_chip or program.populations[name].size == prod(voice.shape), f"{name} with its neurons")


def _within(numbers: Array, limit: int) -> bool:
    return bool((numbers >= 0).all() and (numbers < limit).all())


def _rising(starts: Array, last: int) -> bool:
    return bool(len(starts) and starts[0] == 0 and starts[-1] == last and (np.diff(starts) >= 0).all())


def _require(sound: Any, what: str) -> None:
    if not sound:
        raise ValueError(f"expected {what}")
