"""Stages: which steps of the calibration chain are taken, and how."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from ...errors import UsageError

__all__ = ["CHOICES", "Stages"]

CHOICES = {
    "thresholds": ("fitted", "percentile", "maximum", "mmse", "balanced"),
    "initial_voltage": ("fitted", "half", "zero"),
    "read_out": ("fitted", "whole"),
}
"""The values of the stages that are more than on or off."""


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The calibration chain: weights, thresholds, initial voltage, bias, potential, read-out; each can be left out.

    The stages run layer by layer (first the weights into a population, then the others in this order), each on a
    network whose lower layers are calibrated already, on samples that go through the spiking network for the number of
    steps it is meant for. What each stage did to the error of a layer is in the report.

    Attributes
    ----------
    thresholds
        "fitted": those with which the spike trains come nearest to the activations, channel by channel. "percentile"
        or "maximum" of each channel's activations (Rueckauer et al. 2017, "Conversion of continuous-valued deep
        networks"). "mmse": the least squared error of rounding to the levels of so many steps (Li et al. 2021, "A free
        lunch from ANN"). "balanced": local threshold balancing (Bu et al. 2025, "Inference-scale complexity in ANN-SNN
        conversion").
    initial_voltage
        "fitted" together with the thresholds; "half" a threshold (Bu et al. 2022, "Optimized potential
        initialization"), or zero where the neuron's preset says so, as random ones do; "zero".
    bias
        Add to each channel a current that takes back its mean error ("light" bias calibration of Li et al. 2021). It
        stays however many steps are run, so the error no longer vanishes as they grow. None: for neurons that lose
        current (hard reset, clamp, leak), whose error does not vanish anyway.
    potential
        Change each neuron's initial voltage by its mean error (potential calibration of Li et al. 2021), where that
        helps on samples that it was not taken from.
    weights
        Fit the weights of each Dense or Conv that one population alone reads to the spike trains that it receives, by
        ridge regression towards the original ones, where that helps on samples that it was not taken from. The weights
        are no longer the model's: the report says so.
    rate_scale
        Thresholds, from a rule or fitted, are divided by it: above 1, higher rates, finer levels and more spikes, and a
        smaller largest output, which is n_max thresholds. Its place is that of NengoDL's scale_firing_rates. None: 1,
        and less for fitted thresholds where the samples say that the classes stay those of the model with fewer spikes
        (`fewest_spikes`).
    read_out
        "fitted": leave the first steps out of the read-out where that brings it nearer to the model's output;
        "whole": never.
    samples
        How many samples at most go through the spiking network; thresholds that need no spikes take all there are.
    seed
        For the choice of samples and places.
    """

    thresholds: str = "fitted"
    initial_voltage: str = "fitted"
    bias: bool | None = None
    potential: bool = True
    weights: bool = False
    rate_scale: float | None = None
    read_out: str = "fitted"
    samples: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise UsageError(
                    f"stage {name}: expected one of {', '.join(choices)}, received {getattr(self, name)!r}"
                )
        for name in ("bias", "potential", "weights"):
            if not isinstance(getattr(self, name), bool) and not (name == "bias" and self.bias is None):
                raise UsageError(f"stage {name}: expected True or False, received {getattr(self, name)!r}")
        scale = 1.0 if self.rate_scale is None else self.rate_scale
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < math.inf:
            raise UsageError(f"stage rate_scale: expected a number above 0, received {scale!r}")
        for name, least in (("samples", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UsageError(f"stage {name}: expected a whole number of at least {least}, received {value!r}")

    @property
    def needs_spikes(self) -> bool:
        """Say whether any stage runs the spiking network."""
        fitted = self.fits_neurons or self.read_out == "fitted"
        return fitted or self.bias is not False or self.potential or self.weights

    @property
    def lowers_rates(self) -> bool:
        """Whether rates are lowered where that loses little."""
        return self.rate_scale is None and self.thresholds == "fitted"

    @property
    def scale(self) -> float:
        """Return the factor on the rates: 1 where none was set."""
        return 1.0 if self.rate_scale is None else self.rate_scale

    @property
    def fits_neurons(self) -> bool:
        """Say whether thresholds or initial voltages are fitted to spike trains."""
        return "fitted" in (self.thresholds, self.initial_voltage)

    @classmethod
    def without_spikes(cls) -> Stages:
        """Return the stages that need no run of the spiking network."""
        return cls(thresholds="percentile", initial_voltage="half", bias=False, potential=False, read_out="whole")

    @classmethod
    def parse(cls, settings: list[str]) -> Stages:
        """Return the stages that a command line sets: ``["thresholds=mmse", "bias=on", "samples=64"]``.

        Raises
        ------
        UsageError
            For a stage or value that does not exist.
        """
        known = {f.name: f.type for f in fields(cls)}
        values: dict[str, Any] = {}
        for setting in settings:
            name, _, text = setting.partition("=")
            if name not in known or not text:
                raise UsageError(
                    f"expected a stage as NAME=VALUE, with a name of {', '.join(known)}, received {setting!r}"
                )
            if name in CHOICES:
                values[name] = text
            elif name in ("samples", "seed"):
                values[name] = int(text) if text.isdecimal() else text
            elif name == "rate_scale":
                values[name] = None if text == "auto" else _number(text)
            else:
                values[name] = {"on": True, "off": False}.get(text, text)
        return cls(**values)


def _number(text: str) -> float | str:
    """Return the number that a text stands for, or the text, which is refused."""
    try:
        return float(text)
    except ValueError:
        return text
