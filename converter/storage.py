"""A graph with its report in one HDF5 file: JSON for the structure, a dataset for each array."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from ..errors import GraphError, SourceError, UsageError
from .field_types import check_fields
from .graph import Graph, Node
from .ops import OPS, Array, Op
from .report import Report
from .sources.hdf5 import child_group, has_attribute, open_hdf5, read_array, text_attribute
from .sources.probe import require_readable

__all__ = [
    "FORMAT_VERSION",
    "graph_from_json",
    "graph_to_json",
    "load_graph",
    "op_from_json",
    "op_to_json",
    "read_document",
    "save_graph",
    "write_document",
]

_FORMAT = "spikeport network"
ReadArray = Callable[[str], Array]
Result = TypeVar("Result")
FORMAT_VERSION = 1
"""Raised when an older spikeport could not read what a newer one writes."""


def save_graph(path: Path, graph: Graph, report: Report, facts: Mapping[str, Any]) -> None:
    """Write a graph, its report and further facts (JSON values) to a file, at once or not at all."""
    arrays: dict[str, Array] = {}
    structure = {**graph_to_json(graph, arrays), "report": report.to_json(), "facts": dict(facts)}
    write_document(path, _FORMAT, FORMAT_VERSION, structure, arrays)


def load_graph(path: Path) -> tuple[Graph, Report, dict[str, Any]]:
    """Return what `save_graph` wrote.

    Raises
    ------
    SourceError
        When the file is missing, damaged, or not one of ours.
    """

    def read(structure: Any, array: ReadArray) -> tuple[Graph, Report, dict[str, Any]]:
        graph = graph_from_json(structure, array)
        return graph, Report.from_json(structure["report"]), dict(structure["facts"])

    return read_document(
        path, _FORMAT, FORMAT_VERSION, "expected a network that spikeport saved", "convert the model again", read
    )


def write_document(
    path: Path, kind: str, version: int, structure: Mapping[str, Any], arrays: Mapping[str, Array]
) -> None:
    """Write a JSON structure and arrays to one HDF5 file, at once or not at all."""
    with written_at_once(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = kind
        file.attrs["format_version"] = str(version)
        file.create_dataset("structure", data=np.frombuffer(json.dumps(structure).encode(), np.uint8))
        group = file.create_group("arrays")
        for name, array in arrays.items():
            group.create_dataset(name, data=array)


def read_document(
    path: Path, kind: str, version: int, what: str, remedy: str, read: Callable[[Any, ReadArray], Result]
) -> Result:
    """Return what ``read`` makes of a file that `write_document` wrote.

    Parameters
    ----------
    what, remedy
        "expected …", and what to do about a file of another version.
    read
        A function of the structure and of a function that returns an array by its name, float32 or float64.

    Raises
    ------
    SourceError
        When the file is missing, damaged, or another one.
    """
    origin = str(path)
    if not path.is_file():
        raise SourceError(f"{origin}: {what}, found no such file")
    require_readable(path, origin)
    with open_hdf5(path, origin) as file:
        if text_attribute(file, "format", origin) != kind:
            hint = (
                "; convert it first: spikeport convert MODEL -o NET"
                if has_attribute(file, "model_config", origin)
                else ""
            )
            raise SourceError(f"{origin}: {what}, received another HDF5 file{hint}")
        found = text_attribute(file, "format_version", origin) or ""
        if found != str(version):
            raise SourceError(f"{origin}: expected format {version}, received {found!r}; {remedy}")
        arrays = child_group(file, "arrays", origin)
        if arrays is None:
            raise SourceError(f"{origin}: expected a group arrays, found none")
        try:
            structure = json.loads(read_array(file, "structure", origin).astype(np.uint8).tobytes())
            return read(structure, lambda name: read_array(arrays, name, origin, double=True))
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
            GraphError,
        ) as error:
            raise SourceError(
                f"{origin}: expected a sound network file, received one that is damaged: {error}"
            ) from None


def graph_to_json(graph: Graph, arrays: dict[str, Array]) -> dict[str, Any]:
    """Return a graph as JSON values; its arrays are added to those given."""
    nodes = [_node_to_json(node, arrays) for node in graph.nodes.values()]
    return {"nodes": nodes, "outputs": dict(graph.outputs)}


def graph_from_json(structure: Any, array: ReadArray) -> Graph:
    """Return the graph that `graph_to_json` made JSON values of."""
    nodes = [_node_from_json(entry, array) for entry in structure["nodes"]]
    return Graph.build(nodes, structure["outputs"])


def require_writable(path: Path) -> None:
    """Raise a SourceError unless a file of this name can be written."""
    if not path.parent.is_dir():
        raise SourceError(f"{path}: expected a folder {path.parent} to write to, found none")
    if path.is_dir():
        raise SourceError(f"{path}: expected the name of a file to write, received a folder")


class written_at_once:  # noqa: N801 - reads as a verb in a with statement
    """A context that yields a temporary name beside a file, and renames it to the file's if all went well."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Path:
        require_writable(self._path)
        handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", suffix=".part", dir=self._path.parent)
        os.close(handle)
        self._temporary = Path(name)
        return self._temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            mode = 0o666 & ~_umask()
            self._temporary.chmod(mode)
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _node_to_json(node: Node, arrays: dict[str, Array]) -> dict[str, Any]:
    return {
        "name": node.name,
        "inputs": list(node.inputs),
        "layers": list(node.layers),
        **op_to_json(node.op, arrays),
    }


def op_to_json(op: Op, arrays: dict[str, Array]) -> dict[str, Any]:
    """Return an op as JSON values, with its arrays put aside: they are added to these, by a number of their own."""
    return {"op": op.kind, "fields": _fields_to_json(op, arrays)}


def _fields_to_json(op: Op, arrays: dict[str, Array]) -> dict[str, Any]:
    return {f.name: _to_json(getattr(op, f.name), arrays) for f in dataclasses.fields(op)}


def op_from_json(entry: Mapping[str, Any], array: ReadArray) -> Op:
    """Return the op that `op_to_json` described.

    Parameters
    ----------
    array
        The number of an array → the array.

    Raises
    ------
    ValueError
        For an op or field that does not exist, or a value of another type.
    """
    kind = entry["op"]
    if kind not in OPS:
        raise ValueError(f"expected an op out of {', '.join(OPS)}, received {kind!r}")
    values = {name: _from_json(value, array) for name, value in entry["fields"].items()}
    check_fields(OPS[kind], values)
    return OPS[kind](**values)


def _node_from_json(entry: Mapping[str, Any], array: ReadArray) -> Node:
    places = {"name": entry["name"], "inputs": tuple(entry["inputs"]), "layers": tuple(entry["layers"])}
    node = {**places, "op": op_from_json(entry, array)}
    check_fields(Node, node)
    return Node(**node)


def _to_json(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Op):
        return op_to_json(value, arrays)
    if isinstance(value, Mapping):
        return {"mapping": {key: _to_json(item, arrays) for key, item in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_to_json(item, arrays) for item in value]
    if isinstance(value, type):
        raise UsageError(
            f"{value.__name__}: expected a network of plain data to save, received one with a layer class of your own; "
            "register a handler for it instead: spikeport.LAYERS.child()"
        )
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any, array: ReadArray) -> Any:
    if isinstance(value, Mapping):
        if "array" in value:
            return array(value["array"])
        if "op" in value:
            return op_from_json(value, array)
        return {key: _from_json(item, array) for key, item in value["mapping"].items()}
    if isinstance(value, list):
        return tuple(_from_json(item, array) for item in value)
    return value
