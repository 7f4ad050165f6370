"""Training spiking networks in Keras 3: the parts that need Keras are imported when they are used."""

from __future__ import annotations

from .surrogates import SURROGATES, Surrogate, spike

__all__ = ["SURROGATES", "Surrogate", "spike"]
