"""A converted network as JSON and arrays, which other programs read without spikeport."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Node(NamedTuple):
    """One op: its settings are the fields of spikeport's op, arrays among them; the shape is one sample's."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    settings: dict[str, Any]


def nodes_of(net: Any) -> list[Node]:
    """The nodes of a `spikeport.SpikingNetwork`, each after those that it reads."""
    nodes = net.graph.nodes.values()
    return [Node(n.name, n.op.kind, tuple(n.inputs), tuple(n.shape), _settings(n.op)) for n in nodes]


def _settings(op: Any) -> dict[str, Any]:
    """The fields of an op, without what it has computed from them."""
    return {f.name: getattr(op, f.name) for f in dataclasses.fields(op)}


def write(nodes: list[Node], folder: Path) -> None:
    """Write ``network.json`` and ``arrays.npz``."""
    arrays, entries = {}, []
    for node in nodes:
        own = {key: value for key, value in node.settings.items() if isinstance(value, np.ndarray)}
        arrays.update({f"{len(entries)}.{key}": value for key, value in own.items()})
        plain = {key: value for key, value in node.settings.items() if key not in own}
        entries.append({**node._asdict(), "settings": plain})
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "network.json").write_text(json.dumps(entries, default=dict), encoding="utf-8")


def read(folder: Path) -> list[Node]:
    """Read what `write` wrote; lists stand where there were tuples among the settings."""
    nodes = []
    with np.load(folder / "arrays.npz") as file:
        arrays = dict(file)
    for place, entry in enumerate(json.loads((folder / "network.json").read_text(encoding="utf-8"))):
        own = {key.split(".", 1)[1]: value for key, value in arrays.items() if key.startswith(f"{place}.")}
        settings = {**entry["settings"], **own}
        nodes.append(Node(entry["name"], entry["kind"], tuple(entry["inputs"]), tuple(entry["shape"]), settings))
    return nodes


def readers(nodes: list[Node]) -> dict[str, list[Node]]:
    """For each node, those that read it."""
    found: dict[str, list[Node]] = {node.name: [] for node in nodes}
    for node in nodes:
        for name in node.inputs:
            found[name].append(node)
    return found
