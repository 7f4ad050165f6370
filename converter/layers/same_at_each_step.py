"""Layers that may stand behind a time axis as they are: they do the same at each step, whatever the others hold."""

from __future__ import annotations

__all__ = ["SAME_AT_EACH_STEP"]

SAME_AT_EACH_STEP = (
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "Dense",
    "Dropout",
    "ELU",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "LeakyReLU",
    "Maximum",
    "Minimum",
    "Multiply",
    "ReLU",
    "Rescaling",
    "Subtract",
)
