"""Adding products where nothing is sparse: tiles of some steps and some outputs that stay in registers."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from ....converter.ops import Array
from ...llvm import DOUBLE, WORD, arguments_of, load, splat, store, vector_of

__all__ = ["CHANNELS", "add_own", "add_spread"]

CHANNELS = 8
"""Channels of a depthwise convolution that are computed together."""
_VECTOR = vector_of(DOUBLE, CHANNELS)


def _tile(steps: int, groups: int, *, spread: bool) -> Any:
    """Return the intrinsic for a tile of so many steps and groups of `CHANNELS` outputs.

    Parameters
    ----------
    spread
        Whether a value goes to all outputs, or each to its own.
    """

    @intrinsic
    def add_products(
        typingctx: Any,
        sums: Any,
        place: Any,
        sum_stride: Any,
        values: Any,
        first: Any,
        value_stride: Any,
        value_at: Any,
        weights: Any,
        begin: Any,
        weight_at: Any,
        many: Any,
    ) -> Any:
        """Add ``values[first + t · value_stride + value_at(k)] · weights[begin + weight_at(k) …]`` for all k.

        Parameters
        ----------
        sums
            Flat float64; those of step t from ``place + t · sum_stride`` on; added to.
        values
            Flat; float64 or int8. Where each output has a value of its own, they lie side by side.
        value_at, weight_at
            The place for each k, int64, or a whole number that is multiplied with k.
        weights
            C-contiguous float64.
        many
            How many k there are.
        """
        kinds = (
            *(sums, place, sum_stride, values, first, value_stride, value_at),
            *(weights, begin, weight_at, many),
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            made = arguments_of(context, builder, kinds, arguments)
            into, at, far, given, first_at, stride, along, table, table_at, down, count = made
            floating = isinstance(values.dtype, types.Float)

            def value_of(pointer: Any) -> Any:
                if spread:
                    lone = builder.load(pointer)
                    return splat(builder, lone if floating else builder.sitofp(lone, DOUBLE), CHANNELS)
                if floating:
                    return load(builder, pointer, _VECTOR)
                small = load(builder, pointer, vector_of(ir.IntType(8), CHANNELS))
                return builder.sitofp(builder.sext(small, vector_of(ir.IntType(32), CHANNELS)), _VECTOR)

            def place_of(step: Any, k: Any) -> Any:
                return builder.mul(k, step) if step.type == WORD else builder.load(builder.gep(step, [k]))

            places = [
                builder.gep(into, [builder.add(builder.add(at, builder.mul(far, WORD(t))), WORD(g * CHANNELS))])
                for t in range(steps)
                for g in range(groups)
            ]
            starts = [builder.gep(given, [builder.add(first_at, builder.mul(stride, WORD(t)))]) for t in range(steps)]
            table = builder.gep(table, [table_at])
            initial = [load(builder, p, _VECTOR) for p in places]
            entry = builder.block
            head, loop, done = (builder.append_basic_block(n) for n in ("head", "products", "done"))
            builder.branch(head)

            builder.position_at_end(head)
            k = builder.phi(WORD)
            k.add_incoming(WORD(0), entry)
            running = [builder.phi(_VECTOR) for _ in places]
            for phi, value in zip(running, initial, strict=True):
                phi.add_incoming(value, entry)
            builder.cbranch(builder.icmp_signed("<", k, count), loop, done)

            builder.position_at_end(loop)
            row, here_at = builder.gep(table, [place_of(down, k)]), place_of(along, k)
            factors = [load(builder, builder.gep(row, [WORD(g * CHANNELS)]), _VECTOR) for g in range(groups)]
            for t in range(steps):
                here = builder.gep(starts[t], [here_at])
                shared = value_of(here) if spread else None
                for g in range(groups):
                    value = shared if spread else value_of(builder.gep(here, [WORD(g * CHANNELS)]))
                    product = builder.fmul(value, factors[g], flags=("contract",))
                    phi = running[t * groups + g]
                    phi.add_incoming(builder.fadd(phi, product, flags=("contract",)), loop)
            k.add_incoming(builder.add(k, WORD(1)), loop)
            builder.branch(head)

            builder.position_at_end(done)
            for pointer, total in zip(places, running, strict=True):
                store(builder, total, pointer)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return add_products


_SPREAD = 16  # outputs of a tile: their weights stay in the first-level cache
_spread_8, _spread_4, _spread_2, _spread_1 = (_tile(n, _SPREAD // CHANNELS, spread=True) for n in (8, 4, 2, 1))
_own_4, _own_1 = (_tile(n, 1, spread=False) for n in (4, 1))


@numba.njit(nogil=True, cache=True)
def add_spread(
    sums: Array,
    place: int,
    width: int,
    steps: int,
    values: Array,
    first: int,
    stride: int,
    weights: Array,
    begin: int,
    many: int,
) -> None:
    """Add ``values[first + t · stride + k] · weights[begin + k · width …]`` for ``many`` k to the sums of each step.

    Parameters
    ----------
    sums
        Flat float64: ``(steps, width)`` from ``place`` on; width is a multiple of 16.
    values
        Flat float64.
    weights
        C-contiguous float64.
    """
    for lane in range(0, width, _SPREAD):
        t, at, row = 0, place + lane, begin + lane
        while t + 8 <= steps:
            _spread_8(sums, at + t * width, width, values, first + t * stride, stride, 1, weights, row, width, many)
            t += 8
        while t + 4 <= steps:
            _spread_4(sums, at + t * width, width, values, first + t * stride, stride, 1, weights, row, width, many)
            t += 4
        while t + 2 <= steps:
            _spread_2(sums, at + t * width, width, values, first + t * stride, stride, 1, weights, row, width, many)
            t += 2
        if t < steps:
            _spread_1(sums, at + t * width, width, values, first + t * stride, stride, 1, weights, row, width, many)


@numba.njit(nogil=True, cache=True)
def add_own(
    sums: Array,
    place: int,
    width: int,
    steps: int,
    values: Array,
    first: int,
    stride: int,
    value_at: Array,
    weights: Array,
    weight_at: Array,
    many: int,
    channel: int,
    channels: int,
) -> None:
    """Add ``values[first + t · stride + value_at[k] + c] · weights[weight_at[k] + c]`` for ``many`` k to each sum.

    The sums of a step are those of the channels c from ``channel`` on, up to ``width`` of them, and less than
    ``channels``.

    Parameters
    ----------
    sums
        Flat float64: ``(steps, width)`` from ``place`` on; width is a multiple of `CHANNELS`.
    values
        Flat int8; up to `CHANNELS` beyond the last are read.
    value_at, weight_at
        int64.
    weights
        C-contiguous float64.
    """
    for lane in range(0, min(width, channels - channel), CHANNELS):
        t, c = 0, channel + lane
        while t + 4 <= steps:
            to, at = place + t * width + lane, first + t * stride + c
            _own_4(sums, to, width, values, at, stride, value_at, weights, c, weight_at, many)
            t += 4
        for left in range(t, steps):
            to, at = place + left * width + lane, first + left * stride + c
            _own_1(sums, to, width, values, at, stride, value_at, weights, c, weight_at, many)
