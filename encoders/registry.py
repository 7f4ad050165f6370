"""The encoders by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from .base import Encoder
from .constant import ConstantCurrent
from .delta import Delta
from .first_spike import TimeToFirstSpike
from .poisson import Poisson

__all__ = ["ENCODERS", "EncoderChoice", "encoder_named"]

ENCODERS: Mapping[str, type[Encoder]] = {
    encoder.name: encoder for encoder in (ConstantCurrent, Poisson, TimeToFirstSpike, Delta)
}
"""Every encoder that can be had without arguments."""

EncoderChoice = Encoder | str | Mapping[str, "Encoder | str"]
"""An encoder or its name for every input, or one for each input by the input's name."""


def encoder_named(name: str, **arguments: Any) -> Encoder:
    """Return the encoder of this name.

    Raises
    ------
    UsageError
        With the known names.
    """
    if name not in ENCODERS:
        raise UsageError(f"expected an encoder out of {', '.join(ENCODERS)}, received {name!r}")
    return ENCODERS[name](**arguments)
