"""Readers: a model file or a live model becomes plain LayerCalls. Only this folder knows file formats."""

from __future__ import annotations

from .read import read_model

__all__ = ["read_model"]
