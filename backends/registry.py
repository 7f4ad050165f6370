"""The backends by name."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UsageError
from .contract import Backend
from .cpu.backend import CpuBackend
from .keras.backend import KerasBackend
from .loihi.backend import LoihiBackend
from .nengo.backend import NengoBackend

__all__ = ["BACKENDS", "backend_named"]

_ALL: tuple[Backend, ...] = (CpuBackend(), NengoBackend(), KerasBackend(), LoihiBackend())

BACKENDS: Mapping[str, Backend] = {backend.name: backend for backend in _ALL}
"""Every backend; none of them imports a simulator before it is used."""


def backend_named(name: str) -> Backend:
    """Return the backend of this name.

    Raises
    ------
    UsageError
        With the known names.
    """
    if name not in BACKENDS:
        raise UsageError(f"expected a backend out of {', '.join(BACKENDS)}, received {name!r}")
    return BACKENDS[name]
