"""The neuron's presets: what a target's neurons may send in one step, and the threshold that suits it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import UsageError
from ..ops import Array, Neurons

__all__ = ["PRESETS", "NeuronPreset"]


@dataclass(frozen=True, kw_only=True)
class NeuronPreset:
    """One kind of neuron; ``dataclasses.replace(PRESETS["graded"], n_max=8)`` makes another, which `convert` takes.

    Attributes
    ----------
    n_min, n_max
        The fewest and the most events of a step.
    percentile
        The percentile of a channel's positive activations that the threshold stands for.
    threshold_factor
        The threshold is that activation times this factor.
    variant
        Further fields of `Neurons`, where they are not the defaults.
    """

    name: str
    summary: str
    n_min: int
    n_max: int
    percentile: float
    threshold_factor: float
    variant: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise UsageError(f"neurons {self.name}: expected a percentile above 0, received {self.percentile}")
        if not 0 < self.threshold_factor < math.inf:
            raise UsageError(
                f"neurons {self.name}: expected a threshold_factor above 0, received {self.threshold_factor}"
            )
        try:
            self.neurons(np.ones(1, np.float32), np.ones(1, np.float32))
        except (TypeError, ValueError) as error:
            raise UsageError(f"neurons {self.name}: {error}") from None

    def neurons(self, threshold: Array, scale: Array) -> Neurons:
        """Return neurons of this kind with the thresholds and scales of their channels, in activation units."""
        return Neurons(threshold=threshold, scale=scale, n_min=self.n_min, n_max=self.n_max, **self.variant)


_LIF = {"reset": "zero", "v_min": 0.0, "tau_rc": 0.02, "tau_ref": 0.002}  # nengo.LIF's defaults
_LIF_FACTOR = 1.5  # more: slow to the first spike; less: tau_ref cuts off more, as a third of θ is the largest output

PRESETS: Mapping[str, NeuronPreset] = {
    preset.name: preset
    for preset in (
        NeuronPreset(
            name="graded",
            summary="whole-number events from -15 to 15, negative ones only where they take back earlier ones",
            n_min=-15,
            n_max=15,
            percentile=99.0,
            threshold_factor=0.25,
        ),
        NeuronPreset(
            name="binary",
            summary="a spike or none in each step, as chips have it",
            n_min=0,
            n_max=1,
            percentile=99.9,
            threshold_factor=1.0,
        ),
        NeuronPreset(
            name="hard-reset",
            summary="binary, and the membrane is 0 after a spike: what was beyond the threshold is lost",
            n_min=0,
            n_max=1,
            percentile=99.9,
            threshold_factor=1.0,
            variant={"reset": "zero"},
        ),
        NeuronPreset(
            name="clamped",
            summary="binary, with a membrane that goes one threshold below zero at most and forgets what is beyond",
            n_min=0,
            n_max=1,
            percentile=99.9,
            threshold_factor=1.0,
            variant={"v_min": -1.0},
        ),
        NeuronPreset(
            name="lif",
            summary="leaky integrate-and-fire as nengo.LIF, with its tau_rc of 20 ms and tau_ref of 2 ms in 1 ms steps",
            n_min=0,
            n_max=1,
            percentile=99.9,
            threshold_factor=_LIF_FACTOR,
            variant=_LIF,
        ),
        NeuronPreset(
            name="adaptive-lif",
            summary="lif that adapts to its own spikes as nengo.AdaptiveLIF, with its tau_n of 1 s and inc_n of 0.01",
            n_min=0,
            n_max=1,
            percentile=99.9,
            threshold_factor=_LIF_FACTOR,
            variant={**_LIF, "tau_n": 1.0, "inc_n": 0.01},
        ),
        NeuronPreset(
            name="stochastic",
            summary="graded, with a threshold drawn anew at each step, so that each event is right on average",
            n_min=-1,
            n_max=4,
            percentile=99.0,
            threshold_factor=0.75,
            variant={"initial_voltage": 0.0, "noise": "threshold"},
        ),
        NeuronPreset(
            name="poisson",
            summary="0 to 8 events drawn from a Poisson distribution whose mean is the membrane",
            n_min=0,
            n_max=8,
            percentile=99.0,
            threshold_factor=0.75,
            variant={"initial_voltage": 0.0, "noise": "poisson"},
        ),
    )
}
"""The presets by name."""
