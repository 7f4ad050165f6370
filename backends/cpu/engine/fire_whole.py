"""Firing in whole numbers: voltages as multiples of a small part of the threshold, with a bound on what rounding did.

A neuron is in doubt where the bound leaves open what it sends; `exact` decides it then.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from ...llvm import BYTE, INT, LANES, WORD, arguments_of, load, same, splat, store, vector_of

__all__ = ["LIMIT", "fire_whole"]

LIMIT = 2**30
"""Voltages stay between -LIMIT and LIMIT, and so do the currents of a step. A neuron that goes above is in doubt."""


def _fire_whole(
    typingctx: Any,
    currents: Any,
    place: Any,
    stride: Any,
    steps: Any,
    setup: Any,
    unit: Any,
    lanes: Any,
    bounds: Any,
    bound: Any,
    n_min: Any,
    n_max: Any,
    events: Any,
    target: Any,
    distance: Any,
    counts: Any,
    lane: Any,
    steady: Any,
    steady_at: Any,
) -> Any:
    """Let `LANES` neurons fire in all steps.

    A voltage that falls below the limit is held there. It is too high from then on, which changes no decision until it
    comes back to the middle of the range: the neuron is in doubt then.

    Parameters
    ----------
    currents
        Flat int32; those of step t are from ``place + t · stride`` on.
    setup
        ``(places, 3, lanes)`` int32: the initial voltages, what is added in each step, and the bits of the part of a
        threshold.
    unit, lanes
        Where the initial voltages begin, and how many lanes there are.
    bounds, bound
        How far off the voltages may be at each step, int32, flat, and where those of step 0 begin.
    events
        Flat int8; those of step t are written from ``target + t · distance`` on, over zeros.
    counts
        int32: how many events each neuron sent; written from ``lane`` on.
    steady, steady_at
        What comes in every step besides, flat int32, and where that of these neurons begins.

    Returns
    -------
    doubt
        A bit for each neuron whose events are not certain.
    """
    kinds = (
        *(currents, place, stride, steps, setup, unit, lanes, bounds, bound),
        *(n_min, n_max, events, target, distance, counts, lane, steady, steady_at),
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = arguments_of(context, builder, kinds, arguments)
        current, at, step_size, count, memory, unit_at, width, errors, error_at = made[:9]
        low, high, sent, to, far, counted, first, always, always_at = made[9:]
        vector = vector_of(INT)
        truth = vector_of(ir.IntType(1))
        zero, one = same(vector, 0), same(vector, 1)
        begin, added, shift = (
            load(builder, builder.gep(memory, [builder.add(unit_at, builder.mul(width, WORD(i)))]), vector)
            for i in range(3)
        )
        added = builder.add(added, load(builder, builder.gep(always, [always_at]), vector))
        low, high = (splat(builder, builder.trunc(n, INT)) for n in (low, high))
        part = builder.shl(one, shift)

        def greater(a: Any, b: Any) -> Any:
            return builder.select(builder.icmp_signed(">", a, b), a, b)

        def smaller(a: Any, b: Any) -> Any:
            return builder.select(builder.icmp_signed("<", a, b), a, b)

        head, loop, done, silent, fired = (
            builder.append_basic_block(n) for n in ("step.head", "step", "fired", "silent", "out")
        )
        last = builder.sub(count, WORD(1))
        largest = splat(builder, builder.load(builder.gep(errors, [builder.add(error_at, last)])))
        peak = _peak(builder, (current, at, step_size, count), begin, added)
        fire = builder.icmp_signed(">=", builder.add(peak, largest), part)
        entry = builder.block
        any_fires = builder.zext(builder.bitcast(fire, ir.IntType(LANES)), WORD)
        builder.cbranch(builder.icmp_unsigned("!=", any_fires, WORD(0)), head, silent)

        builder.position_at_end(silent)
        store(builder, zero, builder.gep(counted, [first]))
        builder.branch(fired)

        builder.position_at_end(head)
        index = builder.phi(WORD)
        index.add_incoming(WORD(0), entry)
        voltage, least, so_far = (builder.phi(vector) for _ in range(3))
        highest, differ = builder.phi(vector), builder.phi(vector)
        sunk, risen = builder.phi(truth), builder.phi(truth)
        vectors = ((voltage, begin), (least, zero), (so_far, zero), (highest, begin), (differ, zero))
        for phi, value in (*vectors, (sunk, ir.Constant(truth, None)), (risen, ir.Constant(truth, None))):
            phi.add_incoming(value, entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)

        builder.position_at_end(loop)
        here = builder.gep(current, [builder.add(at, builder.mul(index, step_size))])
        error = splat(builder, builder.load(builder.gep(errors, [builder.add(error_at, index)])))
        v = builder.add(builder.add(voltage, load(builder, here, vector)), added)
        floor = greater(low, least)

        def fires(value: Any) -> Any:
            return greater(smaller(builder.ashr(value, shift), high), floor)

        n = fires(builder.sub(v, error))
        differs = builder.or_(differ, builder.xor(n, fires(builder.add(v, error))))
        back = builder.and_(sunk, builder.icmp_signed(">", v, same(vector, -LIMIT // 2)))
        left = builder.sub(v, builder.mul(n, part))
        sinks = builder.icmp_signed("<", left, same(vector, -LIMIT))
        kept = greater(left, same(vector, -LIMIT))
        some = builder.icmp_signed("!=", n, zero)
        out = builder.gep(sent, [builder.add(to, builder.mul(index, far))])
        store(builder, builder.trunc(n, vector_of(BYTE)), out)
        index.add_incoming(builder.add(index, WORD(1)), loop)
        voltage.add_incoming(kept, loop)
        least.add_incoming(builder.sub(least, n), loop)
        so_far.add_incoming(builder.add(so_far, builder.zext(some, vector)), loop)
        sunk.add_incoming(builder.or_(sunk, sinks), loop)
        risen.add_incoming(builder.or_(risen, back), loop)
        highest.add_incoming(greater(highest, left), loop)
        differ.add_incoming(differs, loop)
        builder.branch(head)

        builder.position_at_end(done)
        store(builder, so_far, builder.gep(counted, [first]))
        beyond = builder.icmp_signed(">", highest, same(vector, LIMIT))
        doubt = builder.or_(builder.or_(risen, beyond), builder.icmp_signed("!=", differ, zero))
        found = builder.zext(builder.bitcast(doubt, ir.IntType(LANES)), WORD)
        builder.branch(fired)
        builder.position_at_end(fired)
        result = builder.phi(WORD)
        result.add_incoming(WORD(0), silent)
        result.add_incoming(found, done)
        return result

    return types.uint64(*kinds), generate


def _peak(builder: Any, currents: tuple[Any, Any, Any, Any], begin: Any, added: Any) -> Any:
    """Return the highest voltages that neurons reach which send nothing; never lower than they are.

    Neurons that stay below the threshold so are silent, and need no more than this.
    """
    current, at, step_size, count = currents
    vector = begin.type
    lowest = same(vector, -LIMIT)
    entry = builder.block
    head, loop, done = (builder.append_basic_block(n) for n in ("peak.head", "peak", "peaked"))
    builder.branch(head)
    builder.position_at_end(head)
    index, voltage, peak = builder.phi(WORD), builder.phi(vector), builder.phi(vector)
    for phi, value in ((index, WORD(0)), (voltage, begin), (peak, begin)):
        phi.add_incoming(value, entry)
    builder.cbranch(builder.icmp_signed("<", index, count), loop, done)
    builder.position_at_end(loop)
    here = builder.gep(current, [builder.add(at, builder.mul(index, step_size))])
    v = builder.add(builder.add(voltage, load(builder, here, vector)), added)
    held = builder.select(builder.icmp_signed(">", v, lowest), v, lowest)
    kept = builder.select(builder.icmp_signed("<", held, same(vector, LIMIT)), held, same(vector, LIMIT))
    index.add_incoming(builder.add(index, WORD(1)), loop)
    voltage.add_incoming(kept, loop)
    peak.add_incoming(builder.select(builder.icmp_signed(">", kept, peak), kept, peak), loop)
    builder.branch(head)
    builder.position_at_end(done)
    return peak


fire_whole: Any = intrinsic(_fire_whole)
