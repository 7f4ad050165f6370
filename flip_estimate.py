"""How often a spiking network will answer differently from the model on new samples, estimated from a few hundred."""

from __future__ import annotations

import numpy as np

from .converter.ops import Array

__all__ = ["estimated_flips"]

_PAIRS = 2**24  # of margins and errors that are compared at a time


def estimated_flips(reference: Array, found: Array) -> float:
    """Return the share of new samples whose class would differ, 0…1: an upper bound of the accuracy that is lost.

    Counting the samples that differ says little where they are few: of 200, one is half a percent. So the margin of
    every sample (how far the model's first class is ahead of each other one) is held against the errors of every
    other sample, each taken between its own first class and the class of the same place in its own order. The share
    of pairs in which the error is larger than the margin is the estimate; it is at least the share of samples that
    really differ.

    Parameters
    ----------
    reference
        The model's class scores before the last activation: ``(samples, classes)``.
    found
        The spiking network's, for the same samples.
    """
    order = np.argsort(-reference, axis=1)
    ranked = np.take_along_axis(reference, order, axis=1)
    errors = np.take_along_axis(found - reference, order, axis=1)
    margins = ranked[:, :1] - ranked[:, 1:]  # (samples, classes - 1), above 0
    gains = errors[:, 1:] - errors[:, :1]  # what an error adds to another class in comparison with the first
    count, others = margins.shape
    block = max(1, _PAIRS // max(count * others, 1))
    flips = 0
    for start in range(0, count, block):
        flips += int((gains[None] > margins[start : start + block, None]).any(axis=2).sum())
    really = float(np.mean(reference.argmax(axis=1) != found.argmax(axis=1)))
    return float(max(flips / count**2, really))
