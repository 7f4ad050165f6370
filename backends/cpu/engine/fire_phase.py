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

from .llvm import BYTE, DOUBLE, INT, LANES, WORD, arguments_of, load, same, splat, store, vector_function, vector_of

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
        Flat int8; those of step t are written from ``target + t · distance`` on.
    counts
        int32: how many events each neuron sent; written from ``lane`` on.

    Returns
    -------
    doubt
        A bit for each neuron whose events are not certain.
    """
    kinds = (currents, place, steps, setup, unit, lanes, n_max, events, target, distance, counts, lane)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = arguments_of(context, builder, kinds, arguments)
        current, at, count, memory, unit_at, width, most, sent, to, far, counted, first = made
        wide, vector = vector_of(DOUBLE), vector_of(INT)
        start = load(builder, builder.gep(memory, [unit_at]), wide)
        added = load(builder, builder.gep(memory, [builder.add(unit_at, width)]), wide)
        received = builder.fadd(load(builder, builder.gep(current, [at]), wide), added)
        zero, whole = same(wide, 0.0), same(wide, 2.0**32)
        most = splat(builder, most)
        z = builder.select(builder.fcmp_ordered(">", received, zero), received, zero)
        active = builder.fcmp_ordered(">", received, zero)
        z = builder.select(builder.fcmp_ordered("<", z, most), z, most)
        floor = vector_function(builder, "llvm.floor.v16f64", wide)
        full = builder.call(floor, [z])
        base = builder.fptoui(full, vector)
        step = builder.fptoui(builder.fmul(builder.fsub(z, full), whole), vector)
        begin = builder.fptoui(builder.fmul(start, whole), vector)
        bound = builder.add(builder.trunc(count, INT), INT(_TIE))
        error, twice = splat(builder, bound), splat(builder, builder.shl(bound, INT(1)))
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("step.head", "step", "fired"))
        builder.branch(head)

        builder.position_at_end(head)
        index = builder.phi(WORD)
        phase, so_far, doubt = builder.phi(vector), builder.phi(vector), builder.phi(vector_of(ir.IntType(1)))
        index.add_incoming(WORD(0), entry)
        phase.add_incoming(begin, entry)
        so_far.add_incoming(same(vector, 0), entry)
        doubt.add_incoming(ir.Constant(doubt.type, None), entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)

        builder.position_at_end(loop)
        now = builder.add(phase, step)
        wraps = builder.zext(builder.icmp_unsigned("<", now, step), vector)
        near = builder.icmp_unsigned("<", builder.add(now, error), twice)
        out = builder.gep(sent, [builder.add(to, builder.mul(index, far))])
        store(builder, builder.trunc(builder.add(base, wraps), vector_of(BYTE)), out)
        index.add_incoming(builder.add(index, WORD(1)), loop)
        phase.add_incoming(now, loop)
        so_far.add_incoming(builder.add(so_far, wraps), loop)
        doubt.add_incoming(builder.or_(doubt, near), loop)
        builder.branch(head)

        builder.position_at_end(done)
        always = builder.icmp_unsigned(">", base, same(vector, 0))
        total = builder.select(always, splat(builder, builder.trunc(count, INT)), so_far)
        store(builder, total, builder.gep(counted, [first]))
        return builder.zext(builder.bitcast(builder.and_(doubt, active), ir.IntType(LANES)), WORD)

    return types.uint64(*kinds), generate


fire_phase: Any = intrinsic(_fire_phase)
