"""What to say of a layer that has more weights than a chip holds, and what to do about it."""

from __future__ import annotations

import math

from ...converter.graph import Node
from ...converter.ops import Conv, Dense, Shape
from .limits import CORE_LIMITS
from .linear_map import TooLargeError

__all__ = ["why_too_large"]

_INPUT_AXONS = next(limit.value for limit in CORE_LIMITS if limit.name == "in-axons")
_ELSEWHERE = "or run with backend='cpu'"


def why_too_large(node: Node, shape: Shape, error: TooLargeError) -> str:
    """Return the reason and the remedy for a linear node.

    Parameters
    ----------
    shape
        The shape of one sample of its (first) input.
    """
    if isinstance(node.op, Conv) and len(node.op.window) == 3:
        return (
            "a convolution in 3 dimensions: the chip repeats a kernel over rows and columns only, so every weight is "
            f"written out, and it {error}: use Conv2D with the frames as channels, {_ELSEWHERE}"
        )
    inputs = math.prod(shape)
    if isinstance(node.op, Dense) and inputs > _INPUT_AXONS:
        return (
            f"{error}; and every unit hears {inputs:,} inputs, where a core takes {_INPUT_AXONS:,} input axons: pool "
            f"more before it, and give it fewer units, {_ELSEWHERE}"
        )
    return f"{error}: make the layer smaller, {_ELSEWHERE}"
