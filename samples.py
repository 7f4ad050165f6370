"""Samples: arrays and .npz files, checked against the inputs of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .converter.graph import Graph
from .converter.ops import Array, Shape
from .errors import DataError, UsageError

__all__ = ["as_samples", "averaged", "load_npz", "noise", "sequence_steps"]


def as_samples(graph: Graph, x: Any, *, sequences: bool = False) -> list[Array]:
    """Return one float32 array of shape ``(samples, *shape)`` for each input of a graph.

    Parameters
    ----------
    x
        An array; or, for several inputs, a list of arrays in the model's order or a mapping by input name. Axes of
        size 1 may be missing or too many: (n, 28, 28) is taken for (n, 28, 28, 1). Samples for an input that takes a
        vector are flattened: (n, 28, 28) is taken for (n, 784).
    sequences
        Take sequences too: arrays ``(samples, steps, *shape)``, returned as they are. Only an array with exactly one
        more axis, of more than one step, is a sequence; a single step is a constant with an axis too many.

    Raises
    ------
    DataError
        With the expected and the received shape.
    """
    inputs = graph.inputs
    if isinstance(x, Mapping):
        missing = [node.name for node in inputs if node.name not in x]
        if missing:
            raise DataError(f"expected samples for the inputs {', '.join(missing)}, received {', '.join(map(str, x))}")
        arrays: Sequence[Any] = [x[node.name] for node in inputs]
    elif isinstance(x, (list, tuple)) and len(inputs) > 1:
        arrays = x
    else:
        arrays = [x]
    if len(arrays) != len(inputs):
        names = ", ".join(node.name for node in inputs)
        raise DataError(f"expected {len(inputs)} arrays of samples ({names}), received {len(arrays)}")
    result = [_one(node.name, node.shape, array, sequences) for node, array in zip(inputs, arrays, strict=True)]
    if len({len(array) for array in result}) != 1:
        raise DataError(f"expected as many samples for each input, received {[len(array) for array in result]}")
    lengths = {array.shape[1] for node, array in zip(inputs, result, strict=True) if _is_sequence(array, node.shape)}
    if len(lengths) > 1:
        raise DataError(f"expected sequences of one length, received {' and '.join(map(str, sorted(lengths)))} steps")
    return result


def sequence_steps(graph: Graph, samples: Sequence[Array]) -> int | None:
    """Return how many steps the sequences among checked samples have; None where there is none."""
    pairs = zip(graph.inputs, samples, strict=False)
    return next((x.shape[1] for node, x in pairs if _is_sequence(x, node.shape)), None)


def averaged(graph: Graph, samples: Sequence[Array], n_steps: int) -> list[Array]:
    """Return checked samples with the mean over the first ``n_steps`` steps in the place of each sequence."""
    return [
        x[:, :n_steps].mean(axis=1, dtype=np.float64).astype(np.float32) if _is_sequence(x, node.shape) else x
        for node, x in zip(graph.inputs, samples, strict=True)
    ]


def _is_sequence(array: Array, shape: Shape) -> bool:
    return array.ndim == len(shape) + 2 and array.shape[2:] == shape


def _one(name: str, shape: Shape, x: Any, sequences: bool) -> Array:
    try:
        array = np.asarray(x)
    except ValueError:
        raise DataError(f"{name}: expected numbers, received a list of lists of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: expected numbers, received an array of {array.dtype}")
    if not array.ndim or not len(array):
        raise DataError(f"{name}: expected samples of shape {('n', *shape)}, received none".replace("'n'", "n"))
    sequence = sequences and _is_sequence(array, shape) and array.shape[1] > 1
    if array.shape[1:] != shape and not sequence:
        flattened = len(shape) == 1 and array[0].size == shape[0]  # as a Flatten would
        if not flattened and _without_ones(array.shape[1:]) != _without_ones(shape):
            expected = f"({', '.join(['n', *map(str, shape)])})"
            if sequences:
                expected += f" or sequences ({', '.join(['n', 'steps', *map(str, shape)])})"
            raise DataError(f"{name}: expected samples of shape {expected}, received {array.shape}")
        array = array.reshape(len(array), *shape)
    with np.errstate(over="ignore"):  # becomes infinity, and is refused below
        array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise DataError(f"{name}: expected finite numbers, received NaN or infinity")
    return array


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def noise(graph: Graph, input_range: tuple[float, float], *, count: int) -> list[Array]:
    """Return uniform noise as a stand-in for samples of each input; the same at every call.

    Raises
    ------
    UsageError
        When the range is not (smallest, largest).
    """
    low, high = input_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise UsageError(f"expected input_range as (smallest, largest), received {input_range}")
    rng = np.random.default_rng(0)
    return [rng.uniform(low, high, (count, *node.shape)).astype(np.float32) for node in graph.inputs]


def load_npz(path: Path, *, labels: bool = False) -> tuple[Any, Array | None]:
    """Return the samples, and labels if asked for, of a DATA.npz file.

    The file holds ``x`` (or, for several inputs, one array for each input's name, or x0, x1 …) and ``y``.

    Raises
    ------
    DataError
        When the file is missing, not an .npz file, or lacks what is needed.
    """
    try:
        arrays = _arrays(path)
    except FileNotFoundError:
        raise DataError(f"{path}: expected an .npz file with an array x, found no file of this name") from None
    except Exception as error:  # for damage, numpy and zipfile raise a dozen types; no code of ours runs in there
        raise DataError(
            f"{path}: expected an .npz file of plain arrays, received one that cannot be read: {error}"
        ) from None
    bare = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if bare:
        raise DataError(f"{path}: expected an .npz file of plain arrays, found no array in {', '.join(bare)}")
    y = arrays.pop("y", None)
    if labels and y is None:
        raise DataError(f"{path}: expected an array y of labels beside x, found {', '.join(arrays) or 'nothing'}")
    if not arrays:
        raise DataError(f"{path}: expected an array x of samples, found none")
    if "x" in arrays:
        return arrays["x"], y
    if len(arrays) == 1:
        return next(iter(arrays.values())), y
    numbered = [f"x{i}" for i in range(len(arrays))]
    return ([arrays[n] for n in numbered] if set(numbered) == set(arrays) else arrays), y


def _arrays(path: Path) -> dict[str, Any]:
    """Return the members of an .npz file by name."""
    with path.open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds one bare array")
        with file:
            return {name: file[name] for name in file.files}
