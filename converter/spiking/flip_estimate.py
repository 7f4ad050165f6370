"""How often a spiking network will answer differently from the model on new samples, estimated from a few hundred."""

from __future__ import annotations

import numpy as np

from ..ops import Array

__all__ = ["estimated_flips"]

_PAIRS = 2**24  # of margins and errors that are compared at a time
_NARROWEST = 32  # one sample in so many, at least 8, show how often margins are narrow
_LEVELS = 8  # that each of these is taken at


def estimated_flips(reference: Array, found: Array, *, counted: bool = True) -> float:
    """Return the share of new samples whose class would differ, 0…1: an upper bound of the accuracy that is lost.

    Counting the samples that differ says little where they are few: of 200, one is half a percent. So the margin of
    every sample (how far the model's first class is ahead of each other one) is held against the errors of every
    other sample, each taken between its own first class and the class of the same place in its own order. The share
    of pairs in which the error is larger than the margin is the estimate.

    Among a few hundred samples none may have a margin as narrow as a small error, though one in thousands has. So the
    narrowest margins are taken as evenly spread between zero and the widest of them: of a network that was trained to
    keep its classes apart, there are fewer.

    Parameters
    ----------
    reference
        The model's class scores before the last activation: ``(samples, classes)``.
    found
        The spiking network's, for the same samples.
    counted
        The estimate is at least the share of samples that really differ: for a promise, of which one sample in a few
        hundred that breaks it is too much.
    """
    order = np.argsort(-reference, axis=1)
    ranked = np.take_along_axis(reference, order, axis=1)
    errors = np.take_along_axis(found - reference, order, axis=1)
    margins, weights = _spread(ranked[:, :1] - ranked[:, 1:])  # (margins, classes - 1), at least 0
    gains = errors[:, 1:] - errors[:, :1]  # what an error adds to another class in comparison with the first
    count, others = gains.shape
    block = max(1, _PAIRS // max(count * others, 1))
    flips = 0.0
    for start in range(0, len(margins), block):
        part = slice(start, start + block)
        flips += float((gains[None] > margins[part, None]).any(axis=2).sum(axis=1) @ weights[part])
    really = float(np.mean(reference.argmax(axis=1) != found.argmax(axis=1))) if counted else 0.0
    return float(min(max(flips / count**2, really), 1.0))


def _spread(margins: Array) -> tuple[Array, Array]:
    """Return the margins, the narrowest evenly spread, and what each row counts: ``(rows, others)`` and ``(rows,)``."""
    count = len(margins)
    narrow = min(count, max(8, count // _NARROWEST))
    margins = margins[np.argsort(margins[:, 0], kind="stable")]
    first = margins[:narrow, 0]
    even = first[-1] * (np.arange(narrow * _LEVELS) + 0.5) / (narrow * _LEVELS)
    raised = np.repeat(margins[:narrow] - first[:, None], _LEVELS, axis=0) + even[:, None]
    weights = np.concatenate([np.full(len(raised), 1 / _LEVELS), np.ones(count - narrow)])
    return np.concatenate([raised, margins[narrow:]]), weights
