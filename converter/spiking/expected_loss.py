"""How much an output that is nearly the model's loses: classes that will differ, or its error."""

from __future__ import annotations

import numpy as np

from ..ops import Array, Op, Output
from .flip_estimate import estimated_flips

__all__ = ["expected_loss"]


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
        0…1 for classes; else the root of the mean squared error over the standard deviation of the model's output.
    """
    shape = expected.shape[1:]
    if isinstance(op, Output) and op.scores_classes(shape):
        if shape[0] == 1:
            expected, found = _two_classes(expected), _two_classes(found)
        return estimated_flips(expected, found)
    deviation = float(expected.std()) or 1.0
    return float(np.sqrt(np.mean((found - expected) ** 2))) / deviation


def _two_classes(score: Array) -> Array:
    """Return the scores of both classes where one value is the log-odds of the second."""
    return np.concatenate([np.zeros_like(score), score], axis=1)
