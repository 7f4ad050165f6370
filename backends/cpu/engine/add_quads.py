"""Adding products of small whole numbers, four in an instruction: the innermost loop where many neurons send."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from ....converter.ops import Array
from ...llvm import BYTE, INT, LANES, WORD, arguments_of, load, same, splat, store, vector_of

__all__ = ["DIGITS", "MULTIPLIES_QUADS", "QUAD", "add_ints", "add_quads", "copy_raised"]

QUAD = 4
"""Channels that are multiplied and added up in one instruction."""
DIGITS = 3
"""Digits of a weight, each -128 … 127 and worth 256 of the one before."""
MULTIPLIES_QUADS = (
    bool(binding.get_host_cpu_features().get("avx512vnni", False))
    and getattr(numba.config, "CPU_NAME", None) is None
    and getattr(numba.config, "CPU_FEATURES", None) is None
)
"""Whether the processor that is compiled for has an instruction for that: AVX-512 VNNI."""
_QUADS = vector_of(BYTE, QUAD * LANES)


def _multiplied(builder: Any, total: Any, numbers: Any, digits: Any) -> Any:
    """Return int32 totals plus, in each lane, four unsigned bytes times four signed ones."""
    vector = vector_of(INT)
    if MULTIPLIES_QUADS:
        name = "llvm.x86.avx512.vpdpbusd.512"
        kind = ir.FunctionType(vector, [vector] * 3)
        known = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(known, [total, numbers, digits])
    for part in range(QUAD):
        value = builder.and_(builder.lshr(numbers, same(vector, 8 * part)), same(vector, 255))
        digit = builder.ashr(builder.shl(digits, same(vector, 24 - 8 * part)), same(vector, 24))
        total = builder.add(total, builder.mul(value, digit))
    return total


def _tile(steps: int) -> Any:
    """Return the intrinsic for so many steps and `LANES` outputs."""

    @intrinsic
    def add_tile(
        typingctx: Any,
        sums: Any,
        place: Any,
        sum_stride: Any,
        numbers: Any,
        first: Any,
        number_stride: Any,
        number_at: Any,
        digits: Any,
        begin: Any,
        digit_at: Any,
        many: Any,
        quads: Any,
        less: Any,
        less_at: Any,
    ) -> Any:
        """Add numbers times weights, over places of a window and the channels of each, to the sums of some steps.

        Parameters
        ----------
        sums
            Flat int32; those of step t from ``place + t · sum_stride`` on; added to.
        numbers
            Flat uint8; those of step t of place k from ``first + t · number_stride + number_at[k]`` on.
        digits
            Flat int8; those of place k from ``begin + digit_at[k]`` on: ``(quads, DIGITS, LANES, QUAD)``.
        many, quads
            How many places there are, and quads of channels.
        less, less_at
            What is taken off each sum, flat int32, and where that of these outputs begins.
        """
        kinds = (
            *(sums, place, sum_stride, numbers, first, number_stride, number_at),
            *(digits, begin, digit_at, many, quads, less, less_at),
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            made = arguments_of(context, builder, kinds, arguments)
            into, at, far, given, first_at, stride, along, table, table_at, down, count, depth, off, off_at = made
            vector = vector_of(INT)
            zero = same(vector, 0)
            entry = builder.block
            outer, start, loop, after, done = (
                builder.append_basic_block(n) for n in ("place.head", "place", "quad", "place.next", "added")
            )
            builder.branch(outer)

            builder.position_at_end(outer)
            k = builder.phi(WORD)
            k.add_incoming(WORD(0), entry)
            so_far = [builder.phi(vector) for _ in range(steps * DIGITS)]
            for phi in so_far:
                phi.add_incoming(zero, entry)
            builder.cbranch(builder.icmp_signed("<", k, count), start, done)

            builder.position_at_end(start)
            here = builder.gep(given, [builder.add(first_at, builder.load(builder.gep(along, [k])))])
            rows = [builder.gep(here, [builder.mul(stride, WORD(t))]) for t in range(steps)]
            factors = builder.gep(table, [builder.add(table_at, builder.load(builder.gep(down, [k])))])
            builder.branch(loop)

            builder.position_at_end(loop)
            q = builder.phi(WORD)
            q.add_incoming(WORD(0), start)
            running = [builder.phi(vector) for _ in so_far]
            for phi, before in zip(running, so_far, strict=True):
                phi.add_incoming(before, start)
            row = builder.gep(factors, [builder.mul(q, WORD(DIGITS * LANES * QUAD))])
            weights = [load(builder, builder.gep(row, [WORD(d * LANES * QUAD)]), vector) for d in range(DIGITS)]
            added = []
            for t in range(steps):
                quad_at = builder.bitcast(builder.gep(rows[t], [builder.mul(q, WORD(QUAD))]), INT.as_pointer())
                quad = splat(builder, builder.load(quad_at, align=1))
                for d in range(DIGITS):
                    added.append(_multiplied(builder, running[t * DIGITS + d], quad, weights[d]))
            for phi, total in zip(running, added, strict=True):
                phi.add_incoming(total, loop)
            following = builder.add(q, WORD(1))
            q.add_incoming(following, loop)
            builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)

            builder.position_at_end(after)
            for phi, total in zip(so_far, added, strict=True):
                phi.add_incoming(total, after)
            k.add_incoming(builder.add(k, WORD(1)), after)
            builder.branch(outer)

            builder.position_at_end(done)
            taken = load(builder, builder.gep(off, [off_at]), vector)
            for t in range(steps):
                target = builder.gep(into, [builder.add(at, builder.mul(far, WORD(t)))])
                total = builder.sub(load(builder, target, vector), taken)
                for d in range(DIGITS):
                    total = builder.add(total, builder.shl(so_far[t * DIGITS + d], same(vector, 8 * d)))
                store(builder, total, target)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return add_tile


_tile_8, _tile_4, _tile_2, _tile_1 = (_tile(steps) for steps in (8, 4, 2, 1))


@numba.njit(nogil=True, cache=True)
def add_quads(
    sums: Array,
    place: int,
    width: int,
    steps: int,
    numbers: Array,
    stride: int,
    number_at: Array,
    digits: Array,
    begin: int,
    digit_at: Array,
    many: int,
    quads: int,
    less: Array,
    less_at: int,
) -> None:
    """Add what `LANES` outputs receive in all steps, as a tile does.

    Parameters
    ----------
    width
        How far the sums of a step are from those of the next.
    """
    t = 0
    while t + 8 <= steps:
        at, first = place + t * width, t * stride
        _tile_8(sums, at, width, numbers, first, stride, number_at, digits, begin, digit_at, many, quads, less, less_at)
        t += 8
    while t + 4 <= steps:
        at, first = place + t * width, t * stride
        _tile_4(sums, at, width, numbers, first, stride, number_at, digits, begin, digit_at, many, quads, less, less_at)
        t += 4
    while t + 2 <= steps:
        at, first = place + t * width, t * stride
        _tile_2(sums, at, width, numbers, first, stride, number_at, digits, begin, digit_at, many, quads, less, less_at)
        t += 2
    if t < steps:
        at, first = place + t * width, t * stride
        _tile_1(sums, at, width, numbers, first, stride, number_at, digits, begin, digit_at, many, quads, less, less_at)


def _copier(count: int) -> Any:
    """Return the intrinsic that copies so many bytes."""

    @intrinsic
    def copy(typingctx: Any, source: Any, at: Any, raised: Any, target: Any, to: Any) -> Any:
        """Copy numbers from int8 to uint8, raised by another, and return the sum of their sizes."""
        kinds = (source, at, raised, target, to)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given, first, more, into, place = arguments_of(context, builder, kinds, arguments)
            small, wide = vector_of(BYTE, count), vector_of(INT, count)
            numbers = load(builder, builder.gep(given, [first]), small)
            raise_by = splat(builder, builder.trunc(more, BYTE), count)
            store(builder, builder.add(numbers, raise_by), builder.gep(into, [place]))
            zero = ir.Constant(small, None)
            sizes = builder.select(builder.icmp_signed("<", numbers, zero), builder.sub(zero, numbers), numbers)
            name = f"llvm.vector.reduce.add.v{count}i32"
            kind = ir.FunctionType(INT, [wide])
            reduce = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            return builder.zext(builder.call(reduce, [builder.zext(sizes, wide)]), WORD)

        return types.int64(*kinds), generate

    return copy


_copy_16, _copy_4 = _copier(16), _copier(QUAD)


@numba.njit(nogil=True, cache=True)
def copy_raised(source: Array, at: int, count: int, raised: int, target: Array, to: int) -> int:
    """Copy numbers n of some channels, a multiple of `QUAD`, raised by a number; return the sum of their sizes."""
    total, c = 0, 0
    while c + 16 <= count:
        total += _copy_16(source, at + c, raised, target, to + c)
        c += 16
    while c < count:
        total += _copy_4(source, at + c, raised, target, to + c)
        c += QUAD
    return total


def _add_ints(typingctx: Any, sums: Any, place: Any, values: Any, first: Any, count: Any) -> Any:
    """Add int32 values to sums, whole vectors of `LANES` of them: up to 15 more than ``count``."""
    kinds = (sums, place, values, first, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into, at, given, begin, many = arguments_of(context, builder, kinds, arguments)
        vector = vector_of(INT)
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("ints.head", "ints", "ints.done"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(WORD)
        index.add_incoming(WORD(0), entry)
        builder.cbranch(builder.icmp_signed("<", index, many), loop, done)
        builder.position_at_end(loop)
        target = builder.gep(into, [builder.add(at, index)])
        more = load(builder, builder.gep(given, [builder.add(begin, index)]), vector)
        store(builder, builder.add(load(builder, target, vector), more), target)
        index.add_incoming(builder.add(index, WORD(LANES)), loop)
        builder.branch(head)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*kinds), generate


add_ints: Any = intrinsic(_add_ints)
