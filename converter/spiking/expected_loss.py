"""How much an output that is nearly the model's loses: classes that will differ, and its error."""

from __future__ import annotations

import numpy as np

from ..ops import Array, Op, Output
from .flip_estimate import estimated_flips

__all__ = ["expected_flips", "expected_loss", "relative_error"]


def expected_loss(expected: Array, found: Array, op: Op) -> float:
    """Return the share of new samples whose class will differ; for outputs that are no classes, the error.

    Parameters
    ----------
    expected, found
        What the model and the spiking network put out before the last activation: ``(samples, *shape)``.
    op
        The output's, which says what the last activation is.

    Returns
    -------
    loss
        0…1 for classes; else `relative_error`.
    """
    flips = expected_flips(expected, found, op)
    return relative_error(expected, found) if flips is None else flips


def expected_flips(expected: Array, found: Array, op: Op, *, counted: bool = True) -> float | None:
    """Return the share of new samples whose class will differ, as `estimated_flips`; None for what is no classes."""
    shape = expected.shape[1:]
    if not isinstance(op, Output) or not op.scores_classes(shape):
        return None
    if shape[0] == 1:
        expected, found = _two_classes(expected), _two_classes(found)
    return estimated_flips(expected, found, counted=counted)


def relative_error(expected: Array, found: Array) -> float:
    """Return the root of the mean squared error over the standard deviation of what was expected."""
    deviation = float(expected.std()) or 1.0
    return float(np.sqrt(np.mean((found - expected) ** 2))) / deviation


def _two_classes(score: Array) -> Array:
    """Return the scores of both classes where one value is the log-odds of the second."""
    return np.concatenate([np.zeros_like(score), score], axis=1)
