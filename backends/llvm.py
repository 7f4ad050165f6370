"""Explicit vectors in numba: small helpers for intrinsics that are written in LLVM IR.

LLVM's own loop vectoriser would keep accumulators in memory, where each addition waits for the store before it, and
would test for overlapping arrays before each short loop.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types

__all__ = [
    "BYTE",
    "DOUBLE",
    "INT",
    "LANES",
    "WORD",
    "arguments_of",
    "data_of",
    "load",
    "same",
    "splat",
    "store",
    "vector_function",
    "vector_of",
    "word_of",
]

LANES = 16  # values that are computed together
INT = ir.IntType(32)
WORD = ir.IntType(64)
BYTE = ir.IntType(8)
DOUBLE = ir.DoubleType()


def vector_of(element: Any, lanes: int = LANES) -> Any:
    """Return the type of a vector."""
    return ir.VectorType(element, lanes)


def data_of(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return the pointer to the data of an array."""
    return context.make_array(kind)(context, builder, value).data


def word_of(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return a whole number of any kind as a word."""
    return context.cast(builder, value, kind, types.int64)


def same(vector: Any, value: float) -> Any:
    """Return the constant vector with this value in each lane."""
    return ir.Constant(vector, [value] * vector.count)


def arguments_of(context: Any, builder: Any, kinds: Any, values: Any) -> list[Any]:
    """Return arrays as pointers to their data, whole numbers as words, and other numbers as they are."""
    made = []
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, types.Array):
            made.append(data_of(context, builder, kind, value))
        else:
            made.append(value if isinstance(kind, types.Float) else word_of(context, builder, kind, value))
    return made


def splat(builder: Any, value: Any, lanes: int = LANES) -> Any:
    """Return a vector with the same value in each lane."""
    vector = vector_of(value.type, lanes)
    lone = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    order = ir.Constant(vector_of(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(lone, ir.Constant(vector, ir.Undefined), order)


def load(builder: Any, pointer: Any, vector: Any) -> Any:
    """Return the vector of this type that begins at a pointer, aligned or not."""
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)


def store(builder: Any, value: Any, pointer: Any) -> None:
    """Write a vector to where a pointer points, aligned or not."""
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=1)


def vector_function(builder: Any, name: str, vector: Any) -> Any:
    """Return a function of LLVM from a vector to a vector."""
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, ir.FunctionType(vector, [vector]), name)
