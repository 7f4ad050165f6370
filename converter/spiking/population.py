"""One population: all the stages on the currents that it receives, with its error after each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..dynamics import Signal
from ..ops import Array, Neurons
from .corrections import calibrate_bias, calibrate_potential
from .decomposition import KNOBS, decompose
from .fit import at_other_sizes, final_error, fit_threshold_and_voltage, sample_places, whole_samples
from .stages import Stages

__all__ = ["Calibrated", "calibrate_population"]


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A population after all the stages.

    Attributes
    ----------
    figures
        For the report: the thresholds, the error after each stage, where what is left comes from and what reduces it.
    """

    op: Neurons
    figures: dict[str, str] = field(default_factory=dict)


def calibrate_population(
    op: Neurons, current: Signal, target: Array, n_steps: int, stages: Stages, rng: np.random.Generator
) -> Calibrated:
    """Return one population after all the stages.

    Parameters
    ----------
    op
        Its thresholds are those of a rule.
    current
        ``(steps | 1, samples, *shape)``.
    target
        The activation of the model: ``(samples, *shape)``.
    """
    trial = sample_places(current, target, n_steps, rng)
    errors = {"rule": final_error(op, trial)}
    fits = {"thresholds": stages.thresholds == "fitted", "voltages": stages.initial_voltage == "fitted"}
    if any(fits.values()):
        op = fit_threshold_and_voltage(op, at_other_sizes(op, trial), **fits, rate_scale=stages.scale)
        errors["fitted"] = final_error(op, trial)
    if stages.bias or (stages.bias is None and not op.follows_rate):
        op = calibrate_bias(op, trial)
        errors["bias"] = final_error(op, trial)
    if stages.potential:
        op = calibrate_potential(op, current, target, n_steps)
    parts = decompose(op, whole_samples(current, target, n_steps))
    if stages.potential:
        errors["potential"] = parts.total
    figures = {
        "threshold": f"{op.threshold.min():.3g}…{op.threshold.max():.3g}",
        "error_after": ", ".join(f"{stage} {_percent(error)}" for stage, error in errors.items()),
        "error_from": ", ".join(f"{source} {_percent(part)}" for source, part in parts.told.items()) or "nowhere",
    }
    if parts.largest is not None:
        figures["reduced_by"] = KNOBS[parts.largest]
    return Calibrated(op=op, figures=figures)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
