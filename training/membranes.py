"""membrane: the voltage of a layer's neurons after each step, to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from ..converter.ops import Array
from .layers.temporal import TemporalLayer

__all__ = ["membrane"]


def membrane(layer: TemporalLayer, currents: Any) -> Array:
    """Return the first array of a layer's state after each step: for neurons, the voltage in thresholds.

    Parameters
    ----------
    layer
        Built.
    currents
        What enters it: ``(batch, steps, *shape)``.

    Returns
    -------
    voltages
        In the same shape.
    """
    state = layer.fresh_state(ops.convert_to_tensor(currents[:, 0]))
    step, seen = layer.step_function(False), []
    for t in range(currents.shape[1]):
        _, state = step(ops.convert_to_tensor(currents[:, t]), state)
        seen.append(ops.convert_to_numpy(state[0]))
    return np.stack(seen, axis=1)
