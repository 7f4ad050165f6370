"""The innermost loops of the engine, written with explicit vectors: LLVM IR for numba.

LLVM's own loop vectoriser would keep accumulators in memory, where each addition waits for the store before it, and
would test for overlapping arrays before each short loop.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from ....converter.ops import TIE

__all__ = [
    "LANES",
    "WIDTHS",
    "add_rows_16",
    "add_rows_32",
    "add_rows_64",
    "count_bits",
    "fire_lanes",
    "lowest_bit",
    "nonzero_bits",
]

LANES = 16  # neurons that fire together
WIDTHS = (64, 32, 16)  # values of a row of weights that are added up together

_WORD = ir.IntType(64)
_BYTE = ir.IntType(8)
_DOUBLE = ir.DoubleType()


def _vector(element: Any, lanes: int = LANES) -> Any:
    return ir.VectorType(element, lanes)


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return the pointer to the data of an array."""
    return context.make_array(kind)(context, builder, value).data


def _whole(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.cast(builder, value, kind, types.int64)


def _splat(builder: Any, value: Any, lanes: int = LANES) -> Any:
    vector = _vector(value.type, lanes)
    lone = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    order = ir.Constant(_vector(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(lone, ir.Constant(vector, ir.Undefined), order)


def _load(builder: Any, pointer: Any, vector: Any) -> Any:
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=1)


def _vector_function(builder: Any, name: str, vector: Any) -> Any:
    """Return a function of LLVM from a vector to a vector."""
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, ir.FunctionType(vector, [vector]), name)


def _add_rows(width: int) -> Any:
    """Return the intrinsic that adds rows of this width."""

    @intrinsic
    def add_rows(
        typingctx: Any,
        sums: Any,
        place: Any,
        weights: Any,
        block: Any,
        codes: Any,
        sizes: Any,
        start: Any,
        stop: Any,
        shift: Any,
    ) -> Any:
        """Add ``sizes[e] · weights[block, codes[e] - shift]`` for the events from ``start`` up to ``stop`` to the sums.

        Parameters
        ----------
        sums
            Flat; float64 or int32, as the weights.
        place
            Where the sums begin.
        weights
            ``(blocks, rows, width)``, C-contiguous.
        codes, sizes
            Of the events: ``(events,)`` int32, and numbers of the weights' type or int32.
        """
        kinds = (sums, place, weights, block, codes, sizes, start, stop, shift)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            floating = isinstance(sums.dtype, types.Float)
            lanes = LANES // 2 if floating else LANES
            element = _DOUBLE if floating else ir.IntType(32)
            vector = _vector(element, lanes)
            groups = range(width // lanes)
            made = [_data(context, builder, k, v) if isinstance(k, types.Array) else _whole(context, builder, k, v)
                    for k, v in zip(kinds, arguments, strict=True)]  # fmt: skip
            into, at, table, number, code_of, size_of, first, end, less = made
            rows = builder.extract_value(context.make_array(weights)(context, builder, arguments[2]).shape, 1)
            table = builder.gep(table, [builder.mul(builder.sub(builder.mul(number, rows), less), _WORD(width))])
            into = builder.gep(into, [at])
            places = [builder.gep(into, [_WORD(g * lanes)]) for g in groups]
            before, event, after, done = (builder.append_basic_block(n) for n in ("sums", "event", "stored", "done"))
            builder.cbranch(builder.icmp_signed("<", first, end), before, done)

            builder.position_at_end(before)
            initial = [_load(builder, p, vector) for p in places]
            builder.branch(event)

            builder.position_at_end(event)
            index = builder.phi(_WORD)
            index.add_incoming(first, before)
            running = [builder.phi(vector) for _ in groups]
            code = builder.zext(builder.load(builder.gep(code_of, [index])), _WORD)
            amount = builder.load(builder.gep(size_of, [index]))
            if floating and amount.type != element:
                amount = builder.sitofp(amount, element)
            times = _splat(builder, amount, lanes)
            row = builder.gep(table, [builder.mul(code, _WORD(width))])
            added = []
            for g in groups:
                product = _load(builder, builder.gep(row, [_WORD(g * lanes)]), vector)
                if floating:
                    scaled = builder.fmul(times, product, flags=("contract",))
                    added.append(builder.fadd(running[g], scaled, flags=("contract",)))
                else:
                    added.append(builder.add(running[g], builder.mul(times, product)))
                running[g].add_incoming(initial[g], before)
                running[g].add_incoming(added[g], event)
            following = builder.add(index, _WORD(1))
            index.add_incoming(following, event)
            builder.cbranch(builder.icmp_signed("<", following, end), event, after)

            builder.position_at_end(after)
            for p, total in zip(places, added, strict=True):
                _store(builder, total, p)
            builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return add_rows


add_rows_64, add_rows_32, add_rows_16 = (_add_rows(width) for width in WIDTHS)


def _fire_lanes(
    typingctx: Any,
    currents: Any,
    place: Any,
    stride: Any,
    steps: Any,
    constants: Any,
    unit: Any,
    state: Any,
    lane: Any,
    n_min: Any,
    n_max: Any,
    events: Any,
    target: Any,
    distance: Any,
) -> Any:
    """Let `LANES` neurons fire in all steps.

    Parameters
    ----------
    currents
        Flat; float64 in thresholds, those of step t from ``place + t · stride`` on.
    constants, unit
        What is added to the current in each step, flat, and where these neurons' begin.
    state
        ``(3, lanes)`` float64: the voltage, the sum of the events and how many events there were; changed.
    lane
        The first lane.
    n_min, n_max
        float64.
    events
        Flat, int8; those of step t are written from ``target + t · distance`` on.
    """
    kinds = (currents, place, stride, steps, constants, unit, state, lane, n_min, n_max, events, target, distance)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        floats = {8, 9}
        made = [
            _data(context, builder, k, v) if isinstance(k, types.Array)
            else v if i in floats else _whole(context, builder, k, v)
            for i, (k, v) in enumerate(zip(kinds, arguments, strict=True))
        ]  # fmt: skip
        current, at, step_size, count, constant, number, memory, first, low, high, sent, to, far = made
        vector = _vector(_DOUBLE)
        width = builder.extract_value(context.make_array(state)(context, builder, arguments[6]).shape, 1)
        places = [builder.gep(memory, [builder.add(first, builder.mul(width, _WORD(i)))]) for i in range(3)]
        begin = [_load(builder, p, vector) for p in places]
        added = _load(builder, builder.gep(constant, [number]), vector)
        low, high = _splat(builder, low), _splat(builder, high)
        tie = ir.Constant(vector, [TIE] * LANES)
        zero = ir.Constant(vector, [0.0] * LANES)
        one = ir.Constant(vector, [1.0] * LANES)
        floor = _vector_function(builder, "llvm.floor.v16f64", vector)
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("step.head", "step", "fired"))
        builder.branch(head)

        builder.position_at_end(head)
        index = builder.phi(_WORD)
        index.add_incoming(_WORD(0), entry)
        voltage, total, events_so_far = (builder.phi(vector) for _ in range(3))
        for phi, value in zip((voltage, total, events_so_far), begin, strict=True):
            phi.add_incoming(value, entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)

        builder.position_at_end(loop)
        here = builder.gep(current, [builder.add(at, builder.mul(index, step_size))])
        received = builder.fadd(_load(builder, here, vector), added)
        v = builder.fadd(voltage, received)
        n = builder.call(floor, [builder.fadd(v, tie)])
        n = builder.select(builder.fcmp_ordered(">", n, low), n, low)
        n = builder.select(builder.fcmp_ordered("<", n, high), n, high)
        least = builder.fsub(zero, total)
        n = builder.select(builder.fcmp_ordered(">", n, least), n, least)
        left = builder.fsub(v, n)
        sum_now = builder.fadd(total, n)
        some = builder.select(builder.fcmp_ordered("!=", n, zero), one, zero)
        counted = builder.fadd(events_so_far, some)
        whole = builder.fptosi(n, _vector(ir.IntType(32)))
        out = builder.gep(sent, [builder.add(to, builder.mul(index, far))])
        _store(builder, builder.trunc(whole, _vector(_BYTE)), out)
        index.add_incoming(builder.add(index, _WORD(1)), loop)
        for phi, value in zip((voltage, total, events_so_far), (left, sum_now, counted), strict=True):
            phi.add_incoming(value, loop)
        builder.branch(head)

        builder.position_at_end(done)
        for p, value in zip(places, (voltage, total, events_so_far), strict=True):
            _store(builder, value, p)
        return context.get_dummy_value()

    return types.void(*kinds), generate


def _nonzero_bits(typingctx: Any, values: Any, place: Any) -> Any:
    """Return which of 64 values int8 are not zero, the first in the lowest bit: uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = _whole(context, builder, place, arguments[1])
        pointer = builder.gep(_data(context, builder, values, arguments[0]), [at])
        vector = _vector(_BYTE, 64)
        there = builder.icmp_signed("!=", _load(builder, pointer, vector), ir.Constant(vector, None))
        return builder.bitcast(there, _WORD)

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


fire_lanes: Any = intrinsic(_fire_lanes)
nonzero_bits: Any = intrinsic(_nonzero_bits)
lowest_bit: Any = intrinsic(_lowest_bit)
count_bits: Any = intrinsic(_count_bits)
