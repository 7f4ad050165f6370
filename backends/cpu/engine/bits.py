"""Bits: which values of a row are not zero, and packing those side by side."""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

from ...llvm import (
    BYTE,
    INT,
    LANES,
    WORD,
    arguments_of,
    data_of,
    load,
    splat,
    store,
    vector_of,
    word_of,
)

__all__ = ["PACKS", "copy_lanes", "count_bits", "lowest_bit", "nonzero_bits", "pack_chunk", "sum_lanes"]

PACKS = bool(binding.get_host_cpu_features().get("avx512vbmi2", False))
"""Whether the processor packs bytes in one instruction."""


def _nonzero_bits(typingctx: Any, values: Any, place: Any) -> Any:
    """Return which of 64 values int8 are not zero, the first in the lowest bit: uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = word_of(context, builder, place, arguments[1])
        pointer = builder.gep(data_of(context, builder, values, arguments[0]), [at])
        vector = vector_of(BYTE, 64)
        there = builder.icmp_signed("!=", load(builder, pointer, vector), ir.Constant(vector, None))
        return builder.bitcast(there, WORD)

    return types.uint64(values, place), generate


def _lowest_bit(typingctx: Any, bits: Any) -> Any:
    """Return the place of the lowest bit of a uint64 that is set; there has to be one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), generate


def _count_bits(typingctx: Any, bits: Any) -> Any:
    """Return how many bits of a uint64 are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def _pack_chunk(typingctx: Any, row: Any, place: Any, base: Any, codes: Any, sizes: Any, found: Any) -> Any:
    """Append the events of 64 neurons, int8, to lists; up to 64 places behind them are overwritten.

    Parameters
    ----------
    base
        The code of the first neuron.
    codes, sizes
        int32 and int8; written from ``found`` on.

    Returns
    -------
    bits
        Which neurons had events, uint64.
    """
    kinds = (row, place, base, codes, sizes, found)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, at, code, into, amounts, end = arguments_of(context, builder, kinds, arguments)
        chunk, vector = vector_of(BYTE, 64), vector_of(INT)
        numbers = load(builder, builder.gep(values, [at]), chunk)
        there = builder.icmp_signed("!=", numbers, ir.Constant(chunk, None))
        bits = builder.bitcast(there, WORD)
        kind = ir.FunctionType(chunk, [chunk, there.type, chunk])
        name = "llvm.experimental.vector.compress.v64i8"
        pack = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        held = [cgutils.alloca_once(builder, chunk) for _ in range(2)]  # type: ignore[no-untyped-call]
        order = ir.Constant(chunk, list(range(64)))
        for memory, packed in zip(held, (numbers, order), strict=True):
            builder.store(builder.call(pack, [packed, there, ir.Constant(chunk, ir.Undefined)]), memory, align=64)
        size_at, order_at = (builder.bitcast(memory, BYTE.as_pointer()) for memory in held)
        many = builder.ctpop(bits)
        start = splat(builder, builder.trunc(code, INT))
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("pack.head", "pack", "packed"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(WORD)
        index.add_incoming(WORD(0), entry)
        builder.cbranch(builder.icmp_signed("<", index, many), loop, done)
        builder.position_at_end(loop)
        some = vector_of(BYTE)
        where = builder.add(end, index)
        size = load(builder, builder.gep(size_at, [index]), some)
        place_of = builder.zext(load(builder, builder.gep(order_at, [index]), some), vector)
        store(builder, size, builder.gep(amounts, [where]))
        store(builder, builder.add(start, place_of), builder.gep(into, [where]))
        index.add_incoming(builder.add(index, WORD(LANES)), loop)
        builder.branch(head)
        builder.position_at_end(done)
        return bits

    return types.uint64(*kinds), generate


def _sum_lanes(typingctx: Any, counts: Any, lanes: Any) -> Any:
    """Return the sum of int32 values, a multiple of `LANES` of them."""
    kinds = (counts, lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, count = arguments_of(context, builder, kinds, arguments)
        vector = vector_of(INT)
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("sum.head", "sum", "summed"))
        builder.branch(head)
        builder.position_at_end(head)
        index, total = builder.phi(WORD), builder.phi(vector)
        index.add_incoming(WORD(0), entry)
        total.add_incoming(ir.Constant(vector, None), entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)
        builder.position_at_end(loop)
        more = load(builder, builder.gep(values, [index]), vector)
        index.add_incoming(builder.add(index, WORD(LANES)), loop)
        total.add_incoming(builder.add(total, more), loop)
        builder.branch(head)
        builder.position_at_end(done)
        name = "llvm.vector.reduce.add.v16i32"
        reduce = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(INT, [vector]), name)
        return builder.zext(builder.call(reduce, [total]), WORD)

    return types.int64(*kinds), generate


def _copy_lanes(typingctx: Any, source: Any, at: Any, far: Any, into: Any, to: Any, distance: Any, rows: Any) -> Any:
    """Copy `LANES` values int8 of each row; ``far`` and ``distance`` lie between the rows of both, which are flat."""
    kinds = (source, at, far, into, to, distance, rows)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given, begin, step, taken, first, further, count = arguments_of(context, builder, kinds, arguments)
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("copy.head", "copy", "copied"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(WORD)
        index.add_incoming(WORD(0), entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)
        builder.position_at_end(loop)
        here = builder.gep(given, [builder.add(begin, builder.mul(index, step))])
        there = builder.gep(taken, [builder.add(first, builder.mul(index, further))])
        store(builder, load(builder, here, vector_of(BYTE)), there)
        index.add_incoming(builder.add(index, WORD(1)), loop)
        builder.branch(head)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*kinds), generate


copy_lanes: Any = intrinsic(_copy_lanes)
pack_chunk: Any = intrinsic(_pack_chunk)
sum_lanes: Any = intrinsic(_sum_lanes)
nonzero_bits: Any = intrinsic(_nonzero_bits)
lowest_bit: Any = intrinsic(_lowest_bit)
count_bits: Any = intrinsic(_count_bits)
