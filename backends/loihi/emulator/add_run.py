"""Adding a run of weights to the neurons' input: the innermost loop, in vectors."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from ...llvm import INT, WORD, data_of, load, splat, store, vector_of, word_of

__all__ = ["LANES", "add_run"]

LANES = 8
"""Weights that are added together: runs are filled up with zeros to whole vectors, and so is the input."""


@intrinsic
def _add_run(
    typingctx: Any, into: Any, place: Any, weights: Any, first: Any, length: Any, shift: Any
) -> tuple[Any, Any]:
    """Add ``weights[first + k] << shift`` to ``into[place + k]`` for the weights of a run; floats are not shifted.

    Parameters
    ----------
    into
        int32, C-contiguous, or float32.
    weights
        int8, int16 or int32, C-contiguous, or float32.
    length
        Of the run; it is rounded up to whole vectors.
    """
    kinds = (into, place, weights, first, length, shift)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = data_of(context, builder, into, arguments[0])
        table = data_of(context, builder, weights, arguments[2])
        at, start, count, bits = (word_of(context, builder, kinds[k], arguments[k]) for k in (1, 3, 4, 5))
        sums, table = builder.gep(sums, [at]), builder.gep(table, [start])
        floating = isinstance(into.dtype, types.Float)
        vector, narrow = vector_of(sums.type.pointee, LANES), vector_of(table.type.pointee, LANES)
        by = splat(builder, builder.trunc(bits, INT), LANES)
        entry = builder.block
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)

        builder.position_at_end(head)
        k = builder.phi(WORD)
        k.add_incoming(WORD(0), entry)
        builder.cbranch(builder.icmp_signed("<", k, count), body, done)

        builder.position_at_end(body)
        added = load(builder, builder.gep(table, [k]), narrow)
        if narrow != vector:
            added = builder.sext(added, vector)
        to = builder.gep(sums, [k])
        if floating:
            total = builder.fadd(load(builder, to, vector), added)
        else:
            total = builder.add(load(builder, to, vector), builder.shl(added, by))
        store(builder, total, to)
        k.add_incoming(builder.add(k, WORD(LANES)), body)
        builder.branch(head)

        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*kinds), generate


add_run: Any = _add_run
