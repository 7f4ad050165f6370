"""Adding rows of weights to sums: the innermost loop of the engine."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from ...llvm import DOUBLE, INT, LANES, WORD, arguments_of, load, splat, store, vector_of

__all__ = ["WIDTHS", "add_rows_16", "add_rows_32", "add_rows_64"]

WIDTHS = (64, 32, 16)  # values of a row of weights that are added up together


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
        starts: Any,
        first: Any,
        span: Any,
        stride: Any,
        steps: Any,
        shift: Any,
        reach: Any,
        reached: Any,
    ) -> Any:
        """Add ``sizes[e] · weights[block, codes[e] - shift]`` for the events e of each step to the sums of that step.

        Parameters
        ----------
        sums
            Flat; float64 or int32, as the weights.
        place
            Where the sums of the first step begin; those of the others follow.
        weights
            ``(blocks, rows, width)``, C-contiguous.
        codes, sizes
            Of the events: ``(events,)`` int32, and int8 or numbers of the weights' type.
        starts
            Flat int32; the events of step t are those from ``starts[first + t · stride]`` up to
            ``starts[first + t · stride + span]``.
        reach, reached
            Flat int32: the sum of the absolute sizes in each step (of values, their number), and where the first is;
            added to for block 0.
        """
        kinds = (sums, place, weights, block, codes, sizes, starts, first, span, stride, steps, shift, reach, reached)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            floating = isinstance(sums.dtype, types.Float)
            sized = isinstance(sizes.dtype, types.Integer)
            lanes = LANES // 2 if floating else LANES
            element = DOUBLE if floating else INT
            vector = vector_of(element, lanes)
            groups = range(width // lanes)
            made = arguments_of(context, builder, kinds, arguments)
            into, at, table, number, code_of, size_of, begins, line, far, jump, many, less, totals, total_at = made
            rows = builder.extract_value(context.make_array(weights)(context, builder, arguments[2]).shape, 1)
            table = builder.gep(table, [builder.mul(builder.sub(builder.mul(number, rows), less), WORD(width))])
            into, totals = builder.gep(into, [at]), builder.gep(totals, [total_at])
            begins = builder.gep(begins, [line])
            counts = builder.zext(builder.icmp_signed("==", number, WORD(0)), INT)
            entry = builder.block
            head, step, before, event, after, following_step, done = (
                builder.append_basic_block(n) for n in ("head", "step", "sums", "event", "stored", "next", "done")
            )
            builder.branch(head)

            builder.position_at_end(head)
            t = builder.phi(WORD)
            t.add_incoming(WORD(0), entry)
            builder.cbranch(builder.icmp_signed("<", t, many), step, done)

            builder.position_at_end(step)
            start_at = builder.gep(begins, [builder.mul(t, jump)])
            first_event, last_event = builder.load(start_at), builder.load(builder.gep(start_at, [far]))
            total_of = builder.gep(totals, [t])
            if not sized:
                events = builder.mul(builder.sub(last_event, first_event), counts)
                builder.store(builder.add(builder.load(total_of), events), total_of)
            start, end = builder.sext(first_event, WORD), builder.sext(last_event, WORD)
            builder.cbranch(builder.icmp_signed("<", start, end), before, following_step)

            builder.position_at_end(before)
            into_step = builder.gep(into, [builder.mul(t, WORD(width))])
            places = [builder.gep(into_step, [WORD(g * lanes)]) for g in groups]
            initial = [load(builder, p, vector) for p in places]
            builder.branch(event)

            builder.position_at_end(event)
            index = builder.phi(WORD)
            index.add_incoming(start, before)
            reaching = builder.phi(INT)
            reaching.add_incoming(INT(0), before)
            running = [builder.phi(vector) for _ in groups]
            code = builder.zext(builder.load(builder.gep(code_of, [index])), WORD)
            amount = builder.load(builder.gep(size_of, [index]))
            reaches = reaching
            if sized:
                whole = builder.sext(amount, INT)
                size = builder.select(builder.icmp_signed("<", whole, INT(0)), builder.sub(INT(0), whole), whole)
                reaches = builder.add(reaching, size)
            reaching.add_incoming(reaches, event)
            if amount.type != element:
                amount = builder.sitofp(amount, element) if floating else builder.sext(amount, element)
            times = splat(builder, amount, lanes)
            row = builder.gep(table, [builder.mul(code, WORD(width))])
            added = []
            for g in groups:
                product = load(builder, builder.gep(row, [WORD(g * lanes)]), vector)
                if floating:
                    scaled = builder.fmul(times, product, flags=("contract",))
                    added.append(builder.fadd(running[g], scaled, flags=("contract",)))
                else:
                    added.append(builder.add(running[g], builder.mul(times, product)))
                running[g].add_incoming(initial[g], before)
                running[g].add_incoming(added[g], event)
            following = builder.add(index, WORD(1))
            index.add_incoming(following, event)
            builder.cbranch(builder.icmp_signed("<", following, end), event, after)

            builder.position_at_end(after)
            for p, total in zip(places, added, strict=True):
                store(builder, total, p)
            if sized:
                builder.store(builder.add(builder.load(total_of), builder.mul(reaches, counts)), total_of)
            builder.branch(following_step)

            builder.position_at_end(following_step)
            t.add_incoming(builder.add(t, WORD(1)), following_step)
            builder.branch(head)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return add_rows


add_rows_64, add_rows_32, add_rows_16 = (_add_rows(width) for width in WIDTHS)
