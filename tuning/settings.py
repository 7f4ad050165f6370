"""The settings that are searched, and the arguments of `convert` that they stand for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ..converter.spiking import PRESETS, NeuronPreset, Stages
from ..converter.spiking.stages import CHOICES

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Settings", "first_settings", "search_space"]

_MOST_EVENTS = (1, 2, 4, 8, 15)
_PERCENTILES = (99.0, 99.9, 100.0)
_RATE_SCALES = (0.25, 4.0)
_FIRST: tuple[
    dict[str, Any], ...
] = (  # what convert would do, for two numbers of steps, and binary spikes for as long as allowed
    {"steps": 16},
    {"steps": 4},
    {"n_min": 0, "n_max": 1, "percentile": 99.9},
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One way to convert a model. The defaults are those of `convert`.

    Attributes
    ----------
    steps
        The steps that the network is fitted for, and run for.
    n_min, n_max
        The fewest and the most events of a step; 0 and 1 are binary spikes.
    percentile
        Of a channel's positive activations: what thresholds stand for, or are fitted from.
    thresholds, initial_voltage, bias, potential, read_out, rate_scale
        As in `Stages`.
    """

    steps: int
    n_min: int = -15
    n_max: int = 15
    thresholds: str = "fitted"
    percentile: float = 99.0
    initial_voltage: str = "fitted"
    bias: bool = False
    potential: bool = True
    read_out: str = "fitted"
    rate_scale: float = 1.0

    @property
    def usual_percentile(self) -> float:
        """Return the percentile of the preset that these neurons come from."""
        return self._base.percentile

    @property
    def _base(self) -> NeuronPreset:
        return PRESETS["binary" if (self.n_min, self.n_max) == (0, 1) else "graded"]

    @property
    def neurons(self) -> NeuronPreset:
        """Return the neurons: graded or binary ones, with so many events a step."""
        base = self._base
        factor = min(1.0, base.threshold_factor * base.n_max / self.n_max)  # the same largest output
        return replace(base, n_min=self.n_min, n_max=self.n_max, percentile=self.percentile, threshold_factor=factor)

    @property
    def stages(self) -> Stages:
        """Return the stages of the calibration."""
        return Stages(
            thresholds=self.thresholds,
            initial_voltage=self.initial_voltage,
            bias=self.bias,
            potential=self.potential,
            read_out=self.read_out,
            rate_scale=self.rate_scale,
        )

    def arguments(self) -> dict[str, Any]:
        """Return what `convert` takes: ``convert(model, x, **settings.arguments())``."""
        return {"target_steps": self.steps, "neurons": self.neurons, "stages": self.stages}

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


def first_settings(max_steps: int) -> tuple[Settings, ...]:
    """Return what is tried first: the conversions that one would try without a search."""
    asked: list[dict[str, Any]] = [{"steps": max_steps, **first} for first in _FIRST]
    return tuple(dict.fromkeys(Settings(**{**first, "steps": min(first["steps"], max_steps)}) for first in asked))


def search_space(max_steps: int) -> dict[str, BaseDistribution]:
    """Return the values that each setting may take, as Optuna takes them.

    Weights are never fitted: a network of them is not the model any more.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    either = CategoricalDistribution((False, True))
    return {
        "steps": IntDistribution(1, max_steps, log=True),
        "n_min": CategoricalDistribution((-15, -1, 0)),
        "n_max": CategoricalDistribution(_MOST_EVENTS),
        "thresholds": CategoricalDistribution(CHOICES["thresholds"]),
        "percentile": CategoricalDistribution(_PERCENTILES),
        "initial_voltage": CategoricalDistribution(CHOICES["initial_voltage"]),
        "bias": either,
        "potential": either,
        "read_out": CategoricalDistribution(CHOICES["read_out"]),
        "rate_scale": FloatDistribution(*_RATE_SCALES, log=True),
    }
