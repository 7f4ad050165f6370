"""Firing in float64: the definition of a neuron, for some neurons side by side in all steps."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from ....converter.ops import TIE
from ...llvm import BYTE, DOUBLE, INT, WORD, arguments_of, load, same, splat, store, vector_function, vector_of

__all__ = ["fire_lanes"]


def _fire_lanes(
    typingctx: Any,
    currents: Any,
    place: Any,
    stride: Any,
    steps: Any,
    scales: Any,
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
        Flat, float64 or float32; those of step t are from ``place + t · stride`` on.
    scales, constants, unit
        What a current is multiplied with to be in thresholds, and what is added to it then, flat, and where these
        neurons' begin.
    state
        ``(3, lanes)`` float64: the voltage, the sum of the events and how many events there were; changed.
    lane
        The first lane.
    n_min, n_max
        float64.
    events
        Flat, int8; those of step t are written from ``target + t · distance`` on.
    """
    kinds = (
        currents,
        place,
        stride,
        steps,
        scales,
        constants,
        unit,
        state,
        lane,
        n_min,
        n_max,
        events,
        target,
        distance,
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = arguments_of(context, builder, kinds, arguments)
        current, at, step_size, count, scale, constant, number, memory, first, low, high, sent, to, far = made
        vector = vector_of(DOUBLE)
        width = builder.extract_value(context.make_array(state)(context, builder, arguments[7]).shape, 1)
        places = [builder.gep(memory, [builder.add(first, builder.mul(width, WORD(i)))]) for i in range(3)]
        begin = [load(builder, p, vector) for p in places]
        scaled, added = (load(builder, builder.gep(each, [number]), vector) for each in (scale, constant))
        low, high = splat(builder, low), splat(builder, high)
        tie = same(vector, TIE)
        zero = same(vector, 0.0)
        one = same(vector, 1.0)
        floor = vector_function(builder, "llvm.floor.v16f64", vector)
        entry = builder.block
        head, loop, done = (builder.append_basic_block(n) for n in ("step.head", "step", "fired"))
        builder.branch(head)

        builder.position_at_end(head)
        index = builder.phi(WORD)
        index.add_incoming(WORD(0), entry)
        voltage, total, events_so_far = (builder.phi(vector) for _ in range(3))
        for phi, value in zip((voltage, total, events_so_far), begin, strict=True):
            phi.add_incoming(value, entry)
        builder.cbranch(builder.icmp_signed("<", index, count), loop, done)

        builder.position_at_end(loop)
        here = builder.gep(current, [builder.add(at, builder.mul(index, step_size))])
        if kinds[0].dtype == types.float32:
            now = builder.fpext(load(builder, here, vector_of(ir.FloatType())), vector)
        else:
            now = load(builder, here, vector)
        received = builder.fadd(builder.fmul(now, scaled), added)
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
        whole = builder.fptosi(n, vector_of(INT))
        out = builder.gep(sent, [builder.add(to, builder.mul(index, far))])
        store(builder, builder.trunc(whole, vector_of(BYTE)), out)
        index.add_incoming(builder.add(index, WORD(1)), loop)
        for phi, value in zip((voltage, total, events_so_far), (left, sum_now, counted), strict=True):
            phi.add_incoming(value, loop)
        builder.branch(head)

        builder.position_at_end(done)
        for p, value in zip(places, (voltage, total, events_so_far), strict=True):
            store(builder, value, p)
        return context.get_dummy_value()

    return types.void(*kinds), generate


fire_lanes: Any = intrinsic(_fire_lanes)
