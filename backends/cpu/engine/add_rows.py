"""Adding rows of weights to sums: the innermost loop of the engine."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from .llvm import DOUBLE, INT, LANES, WORD, arguments_of, load, splat, store, vector_of

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
            element = DOUBLE if floating else INT
            vector = vector_of(element, lanes)
            groups = range(width // lanes)
            made = arguments_of(context, builder, kinds, arguments)
            into, at, table, number, code_of, size_of, first, end, less = made
            rows = builder.extract_value(context.make_array(weights)(context, builder, arguments[2]).shape, 1)
            table = builder.gep(table, [builder.mul(builder.sub(builder.mul(number, rows), less), WORD(width))])
            into = builder.gep(into, [at])
            places = [builder.gep(into, [WORD(g * lanes)]) for g in groups]
            before, event, after, done = (builder.append_basic_block(n) for n in ("sums", "event", "stored", "done"))
            builder.cbranch(builder.icmp_signed("<", first, end), before, done)

            builder.position_at_end(before)
            initial = [load(builder, p, vector) for p in places]
            builder.branch(event)

            builder.position_at_end(event)
            index = builder.phi(WORD)
            index.add_incoming(first, before)
            running = [builder.phi(vector) for _ in groups]
            code = builder.zext(builder.load(builder.gep(code_of, [index])), WORD)
            amount = builder.load(builder.gep(size_of, [index]))
            if floating and amount.type != element:
                amount = builder.sitofp(amount, element)
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
            builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return add_rows


add_rows_64, add_rows_32, add_rows_16 = (_add_rows(width) for width in WIDTHS)
