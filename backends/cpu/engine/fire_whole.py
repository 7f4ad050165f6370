"""Firing in whole numbers: voltages as multiples of a small part of the threshold, with a bound on what rounding did.

A neuron is in doubt where the bound leaves open what it sends; `exact` decides it then.
"""

from __future__ import annotations

from collections.abc import Callable
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
    steady: Any,
    steady_at: Any,
    look: Any,
) -> Any:
    """Let `LANES` neurons fire in all steps.

    A quick loop looks only whether any voltage comes so near to a whole number of thresholds, or to the limits, that
    there may be doubt. Where one does, a slow loop finds out whether that concerns a decision. There, a voltage that
    falls below the limit is held there. It is too high from then on, which changes no decision until it comes back to
    the middle of the range: the neuron is in doubt then.

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
    steady, steady_at
        What comes in every step besides, flat int32, and where that of these neurons begins.
    look
        Whether to look first if all of them are silent: worth it where many are.

    Returns
    -------
    doubt
        A bit for each neuron whose events are not certain, and bit `LANES` where any neuron fired.
    """
    kinds = (
        *(currents, place, stride, steps, setup, unit, lanes, bounds, bound),
        *(n_min, n_max, events, target, distance, steady, steady_at, look),
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = arguments_of(context, builder, kinds, arguments)
        current, at, step_size, count, memory, unit_at, width, errors, error_at = made[:9]
        low, high, sent, to, far, always, always_at, looks = made[9:]
        vector = vector_of(INT)
        zero = same(vector, 0)
        begin, added, shift = (
            load(builder, builder.gep(memory, [builder.add(unit_at, builder.mul(width, WORD(i)))]), vector)
            for i in range(3)
        )
        group = _Group(
            builder,
            count=count,
            current=builder.gep(current, [at]),
            step_size=step_size,
            errors=builder.gep(errors, [error_at]),
            sent=builder.gep(sent, [to]),
            far=far,
            begin=begin,
            added=builder.add(added, load(builder, builder.gep(always, [always_at]), vector)),
            shift=shift,
            low=splat(builder, builder.trunc(low, INT)),
            high=splat(builder, builder.trunc(high, INT)),
        )
        looked, quick, slow, out = (builder.append_basic_block(n) for n in ("look", "quick", "slow", "out"))
        builder.cbranch(builder.icmp_signed("!=", looks, WORD(0)), looked, quick)

        builder.position_at_end(looked)
        largest = splat(builder, builder.load(builder.gep(group.errors, [builder.sub(count, WORD(1))])))
        above = builder.icmp_signed(">=", builder.add(group.peak(), largest), group.part)
        silent_at = builder.block
        builder.cbranch(_any(builder, above), quick, out)

        builder.position_at_end(quick)
        fired, suspicious = group.fire_quickly()
        some = builder.zext(_any(builder, builder.icmp_signed("!=", fired, zero)), WORD)
        some = builder.shl(some, WORD(LANES))
        quick_at = builder.block
        builder.cbranch(_any(builder, suspicious), slow, out)

        builder.position_at_end(slow)
        doubt = builder.zext(builder.bitcast(group.fire_slowly(), ir.IntType(LANES)), WORD)
        doubt = builder.or_(doubt, WORD(2**LANES))
        slow_at = builder.block
        builder.branch(out)

        builder.position_at_end(out)
        result = builder.phi(WORD)
        result.add_incoming(WORD(0), silent_at)
        result.add_incoming(some, quick_at)
        result.add_incoming(doubt, slow_at)
        return result

    return types.uint64(*kinds), generate


def _any(builder: Any, truths: Any) -> Any:
    """Return whether any lane is true."""
    return builder.icmp_unsigned("!=", builder.bitcast(truths, ir.IntType(LANES)), ir.IntType(LANES)(0))


class _Group:
    """`LANES` neurons of which code is being written: what `fire_whole` was called with, as LLVM has it."""

    def __init__(
        self,
        builder: Any,
        *,
        count: Any,
        current: Any,
        step_size: Any,
        errors: Any,
        sent: Any,
        far: Any,
        begin: Any,
        added: Any,
        shift: Any,
        low: Any,
        high: Any,
    ) -> None:
        self._builder, self._count = builder, count
        self._current, self._step_size = current, step_size
        self.errors, self._sent, self._far = errors, sent, far
        self._begin, self._added, self._shift, self._low, self._high = begin, added, shift, low, high
        self.part = builder.shl(same(begin.type, 1), shift)

    def peak(self) -> Any:
        """Return the highest voltages that neurons reach which send nothing; never lower than they are.

        Neurons that stay below the threshold so are silent, and need no more than this.
        """

        def step(index: Any, voltage: Any, peak: Any) -> tuple[Any, ...]:
            held = self._greater(self._charged(voltage, index), self._same(-LIMIT))
            kept = self._smaller(held, self._same(LIMIT))
            return kept, self._greater(kept, peak)

        return self._loop("peak", step, self._begin, self._begin)[1]

    def fire_quickly(self) -> tuple[Any, Any]:
        """Write the events; return what is not zero where a neuron fired, and where the events may not be certain."""
        builder, zero = self._builder, self._same(0)
        below = builder.sub(self.part, self._same(1))

        def step(index: Any, voltage: Any, least: Any, lowest: Any, highest: Any, some: Any, near: Any) -> Any:
            error = self._error(index)
            v = self._charged(voltage, index)
            n = self._greater(self._smaller(builder.ashr(v, self._shift), self._high), self._floor(least))
            self._send(index, n)
            left = builder.sub(v, builder.shl(n, self._shift))
            above = builder.add(v, error)
            close = builder.icmp_unsigned("<", builder.and_(above, below), builder.add(error, error))
            sends = builder.or_(builder.icmp_signed(">=", above, self.part), builder.icmp_signed("<", least, zero))
            return (
                left,
                builder.sub(least, n),
                self._smaller(lowest, left),
                self._greater(highest, left),
                builder.or_(some, n),
                builder.or_(near, builder.and_(close, sends)),
            )

        never = ir.Constant(vector_of(ir.IntType(1)), None)
        found = self._loop("quick", step, self._begin, zero, zero, self._begin, zero, never)
        _, _, lowest, highest, some, near = found
        beyond = builder.icmp_signed("<", lowest, self._same(-LIMIT))
        beyond = builder.or_(beyond, builder.icmp_signed(">", highest, self._same(LIMIT)))
        return some, builder.or_(near, beyond)

    def fire_slowly(self) -> Any:
        """Write the events, and return where they are not certain."""
        builder, zero = self._builder, self._same(0)

        def step(
            index: Any, voltage: Any, least: Any, highest: Any, differ: Any, sunk: Any, risen: Any
        ) -> tuple[Any, ...]:
            error = self._error(index)
            v = self._charged(voltage, index)
            floor = self._floor(least)

            def fires(value: Any) -> Any:
                return self._greater(self._smaller(builder.ashr(value, self._shift), self._high), floor)

            n = fires(builder.sub(v, error))
            self._send(index, n)
            left = builder.sub(v, builder.shl(n, self._shift))
            back = builder.icmp_signed(">", v, self._same(-LIMIT // 2))
            return (
                self._greater(left, self._same(-LIMIT)),
                builder.sub(least, n),
                self._greater(highest, left),
                builder.or_(differ, builder.xor(n, fires(builder.add(v, error)))),
                builder.or_(sunk, builder.icmp_signed("<", left, self._same(-LIMIT))),
                builder.or_(risen, builder.and_(sunk, back)),
            )

        never = ir.Constant(vector_of(ir.IntType(1)), None)
        found = self._loop("slow", step, self._begin, zero, self._begin, zero, never, never)
        _, _, highest, differ, _, risen = found
        beyond = builder.icmp_signed(">", highest, self._same(LIMIT))
        return builder.or_(builder.or_(risen, beyond), builder.icmp_signed("!=", differ, zero))

    def _loop(self, name: str, step: Callable[..., Any], *initial: Any) -> list[Any]:
        """Write a loop over the steps; return what its values are at the end."""
        builder, entry = self._builder, self._builder.block
        head, body, done = (builder.append_basic_block(f"{name}.{part}") for part in ("head", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(WORD)
        index.add_incoming(WORD(0), entry)
        values = [builder.phi(value.type) for value in initial]
        for phi, value in zip(values, initial, strict=True):
            phi.add_incoming(value, entry)
        builder.cbranch(builder.icmp_signed("<", index, self._count), body, done)
        builder.position_at_end(body)
        for phi, value in zip(values, step(index, *values), strict=True):
            phi.add_incoming(value, body)
        index.add_incoming(builder.add(index, WORD(1)), body)
        builder.branch(head)
        builder.position_at_end(done)
        return values

    def _charged(self, voltage: Any, index: Any) -> Any:
        """Return the voltages with the currents of a step."""
        builder = self._builder
        here = builder.gep(self._current, [builder.mul(index, self._step_size)])
        return builder.add(builder.add(voltage, load(builder, here, self._begin.type)), self._added)

    def _error(self, index: Any) -> Any:
        """Return how far off the voltages may be at a step."""
        return splat(self._builder, self._builder.load(self._builder.gep(self.errors, [index])))

    def _floor(self, least: Any) -> Any:
        """Return the fewest events that neurons may send which sent ``-least`` so far."""
        return self._greater(self._low, least)

    def _send(self, index: Any, n: Any) -> None:
        """Write the events of a step."""
        builder = self._builder
        out = builder.gep(self._sent, [builder.mul(index, self._far)])
        store(builder, builder.trunc(n, vector_of(BYTE)), out)

    def _greater(self, a: Any, b: Any) -> Any:
        return self._builder.select(self._builder.icmp_signed(">", a, b), a, b)

    def _smaller(self, a: Any, b: Any) -> Any:
        return self._builder.select(self._builder.icmp_signed("<", a, b), a, b)

    def _same(self, value: int) -> Any:
        return same(self._begin.type, value)


fire_whole: Any = intrinsic(_fire_whole)
