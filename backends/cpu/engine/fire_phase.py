"""Firing on constant currents: the part of the voltage below the threshold as a whole number that wraps around.

With a constant current z between 0 and n_max thresholds and v0 below 1, the events up to step t are ⌊v0 + t·z⌋, and no
clipping ever acts. Whole thresholds of z are events in each step, and the rest of it is an event more wherever the
32 bits of the voltage wrap around. A negative current never makes an event.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from ...llvm import (
    BYTE,
    DOUBLE,
    INT,
    LANES,
    WORD,
    arguments_of,
    load,
    same,
    splat,
    store,
    vector_function,
    vector_of,
)

__all__ = ["fire_phase"]

_TIE = 8  # more than TIE and the rounding of v0, in parts of 2⁻³² of a threshold


def _fire_phase(
    typingctx: Any,
    currents: Any,
    place: Any,
    steps: Any,
    setup: Any,
    unit: Any,
    lanes: Any,
    n_max: Any,
    events: Any,
    target: Any,
    distance: Any,
    counts: Any,
    lane: Any,
    steady: Any,
) -> Any:
    """Let `LANES` neurons fire in all steps.

    Parameters
    ----------
    currents
        Flat float64, in thresholds; those of these neurons are from ``place`` on.
    setup
        ``(places, 2, lanes)`` float64: the initial voltages, from 0 to below 1, and what is added to the currents.
    unit, lanes
        Where the initial voltages begin, and how many lanes there are.
    events
        Flat int8; what is sent in step t beyond ``steady`` is written from ``target + t · distance`` on, over zeros.
    counts
        int32: how many events each neuron sent; written from ``lane`` on.
    steady
        Flat int8: what is sent in every step, the whole number next to the current; written from ``target`` on, over
        zeros.

    Returns
    -------
    doubt
        A bit for each neuron whose events are not certain.
    """
    kinds = (currents, place, steps, setup, unit, lanes, n_max, events, target, distance, counts, lane, steady)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = arguments_of(context, builder, kinds, arguments)
        current, at, count, memory, unit_at, width, most, sent, to, far, counted, first, always_sent = made
        wide, vector = vector_of(DOUBLE), vector_of(INT)
        start = load(builder, builder.gep(memory, [unit_at]), wide)
        added = load(builder, builder.gep(memory, [builder.add(unit_at, width)]), wide)
        received = builder.fadd(load(builder, builder.gep(current, [at]), wide), added)
        zero, whole = same(wide, 0.0), same(wide, 2.0**32)
        most = splat(builder, most)
        z = builder.select(builder.fcmp_ordered(">", received, zero), received, zero)
        active = builder.fcmp_ordered(">", received, zero)
        bits = builder.zext(builder.bitcast(active, ir.IntType(LANES)), WORD)
        some, none, out = (builder.append_basic_block(n) for n in ("some", "none", "out"))
        builder.cbranch(builder.icmp_unsigned("!=", bits, WORD(0)), some, none)
        builder.position_at_end(none)
        store(builder, ir.Constant(vector, None), builder.gep(counted, [first]))
        builder.branch(out)
        builder.position_at_end(some)
        z = builder.select(builder.fcmp_ordered("<", z, most), z, most)
        floor = vector_function(builder, "llvm.floor.v16f64", wide)
        full = builder.call(floor, [z])
        base = builder.fptoui(full, vector)
        step = builder.fptoui(builder.fmul(builder.fsub(z, full), whole), vector)
        begin = builder.fptoui(builder.fmul(start, whole), vector)
        bound = builder.add(builder.trunc(count, INT), INT(_TIE))
        error, twice = splat(builder, bound), splat(builder, builder.shl(bound, INT(1)))
        small = vector_of(BYTE)
        half = builder.fcmp_ordered(">=", builder.fsub(z, full), same(wide, 0.5))
        long_run = splat(builder, builder.zext(builder.icmp_signed(">", count, WORD(2)), INT))  # else it saves nothing
        steady_now = builder.mul(builder.add(base, builder.zext(half, vector)), long_run)
        store(builder, builder.trunc(steady_now, small), builder.gep(always_sent, [to]))
        fewer = builder.trunc(builder.sub(base, steady_now), small)
        more = builder.add(fewer, same(small, 1))
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("step.head", "step", "fired"))
        builder.branch(head)

        builder.position_at_end(head)
        index, phase, nearest = builder.phi(WORD), builder.phi(vector), builder.phi(vector)
        index.add_incoming(WORD(0), entry)
        phase.add_incoming(begin, entry)
        nearest.add_incoming(same(vector, -1), entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)

        builder.position_at_end(loop)
        now = builder.add(phase, step)
        wraps = builder.icmp_unsigned("<", now, step)
        store(
            builder,
            builder.select(wraps, more, fewer),
            builder.gep(sent, [builder.add(to, builder.mul(index, far))]),
        )
        away = builder.add(now, error)
        index.add_incoming(builder.add(index, WORD(1)), loop)
        phase.add_incoming(now, loop)
        nearest.add_incoming(builder.select(builder.icmp_unsigned("<", away, nearest), away, nearest), loop)
        builder.branch(head)

        builder.position_at_end(done)
        long = vector_of(WORD)
        way = builder.mul(builder.zext(step, long), splat(builder, count))
        wrapped = builder.lshr(builder.add(builder.zext(begin, long), way), same(long, 32))
        always = builder.icmp_unsigned(">", base, same(vector, 0))
        steps_all = splat(builder, builder.trunc(count, INT))
        total = builder.select(always, steps_all, builder.trunc(wrapped, vector))
        store(builder, total, builder.gep(counted, [first]))
        doubt = builder.icmp_unsigned("<", nearest, twice)
        found = builder.zext(builder.bitcast(builder.and_(doubt, active), ir.IntType(LANES)), WORD)
        builder.branch(out)
        builder.position_at_end(out)
        result = builder.phi(WORD)
        result.add_incoming(WORD(0), none)
        result.add_incoming(found, done)
        return result

    return types.uint64(*kinds), generate


fire_phase: Any = intrinsic(_fire_phase)
