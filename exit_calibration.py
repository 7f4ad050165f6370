"""Choose the threshold of an early exit from samples, so that little accuracy is lost on new ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .backends import EarlyExit
from .backends.contract import OnProgress, silent
from .backends.early_exit import Confidence, classes_of
from .converter.ops import Array
from .encoders import EncoderChoice
from .errors import DataError, UsageError
from .evaluation import labels_of
from .network import SpikingNetwork
from .samples import as_samples

__all__ = ["calibrate_exit"]

_BLOCK = 500  # samples at a time: outputs over time are kept for no more than these


def calibrate_exit(
    net: SpikingNetwork,
    x: Any,
    y: Any = None,
    *,
    n_steps: int | None = None,
    max_loss: float = 0.1,
    rule: str = "margin",
    least_steps: int = 1,
    encoder: EncoderChoice | None = None,
    on_progress: OnProgress = silent,
    **options: Any,
) -> EarlyExit:
    """Return the early exit with the smallest threshold that new samples can be expected to bear.

    A sample is *harmed* by a threshold if it is right after all the steps and wrong where this threshold, or any
    higher one, makes it stop. With h of n samples harmed, the loss to expect on a new sample is at most
    (h + 1)/(n + 1), whatever the distribution, as long as it is drawn like these (conformal risk control: Angelopoulos
    et al. 2022, theorem 1); the smallest threshold is taken for which that is at most ``max_loss``. It is on the safe
    side: samples that are right only because they stop early are not set against those harmed. The threshold is one
    number for all steps, so that there is little to over-fit.

    Parameters
    ----------
    x
        Samples that neither the model was trained on nor the network calibrated with: models are more sure of those
        that they know.
    y
        Their class numbers or one-hot rows. Without labels, what a sample is after all the steps counts as right, so
        that the loss is the share of answers that change.
    n_steps
        The steps that a sample takes at most; by default as in `SpikingNetwork.run`.
    max_loss
        In percentage points. Fewer than 100/max_loss - 1 samples cannot show it: 999 for 0.1 points.
    rule, least_steps
        As in `EarlyExit`.
    encoder, options
        As they will be when the early exit is used; of the options of the cpu backend, a correction above all.

    Raises
    ------
    DataError
        For too few samples, or labels that do not fit.
    UsageError
        When the outputs are no classes, or an argument cannot be used as given.
    """
    at_once = EarlyExit(rule=rule, threshold=0.0, least_steps=least_steps)
    Confidence.of(net.graph, rule)
    if not 0 < max_loss < 100:
        raise UsageError(f"expected max_loss in percentage points, above 0, received {max_loss}")
    samples = as_samples(net.graph, x, sequences=True)
    count = len(samples[0])
    needed = math.ceil(100 / max_loss - 1 - 1e-9)
    if count < needed:
        raise DataError(
            f"expected at least {needed} samples to show a loss of {max_loss:g} points, received {count}; "
            f"{count} can show {100 / (count + 1):.2g} points"
        )
    labels = _class_numbers(net, y, count)
    steps = net.steps_for("cpu", n_steps, samples)
    deployment = net.deploy("cpu", **options)
    harmful = np.empty(count)
    for start in range(0, count, _BLOCK):
        part = [a[start : start + _BLOCK] for a in samples]
        result = deployment.run(part, steps, encoder=encoder, first=start, on_progress=on_progress)
        outputs = next(iter(result.outputs_over_time.values())).swapaxes(0, 1)
        right = None if labels is None else labels[start : start + _BLOCK]
        harmful[start : start + _BLOCK] = _harmful_up_to(
            Confidence.of(net.graph, rule).of_more(outputs), classes_of(outputs), right, least_steps
        )
    allowed = math.floor(max_loss / 100 * (count + 1) - 1 + 1e-9)
    return replace(at_once, threshold=_above(np.sort(harmful)[::-1][allowed:], whole=rule == "stable"))


def _class_numbers(net: SpikingNetwork, y: Any, count: int) -> Array | None:
    if y is None:
        return None
    shape = net.graph.nodes[next(iter(net.graph.outputs.values()))].shape
    labels, _ = labels_of(y, shape, count)
    if labels is None:
        raise DataError("early exit: expected class numbers or one-hot rows as labels, received targets")
    return labels


def _harmful_up_to(confidence: Array, classes: Array, labels: Array | None, least_steps: int) -> Array:
    """Return, for each sample, the highest threshold that harms it; minus infinity where none does.

    A threshold makes a sample stop at the first step whose confidence reaches it: one whose confidence is above that of
    all the steps before.

    Parameters
    ----------
    confidence, classes
        ``(steps, samples)``.
    """
    final = classes[-1]
    right = final if labels is None else labels
    usable = confidence[least_steps - 1 : -1]  # who stops at the last step has run to the end
    if not len(usable):
        return np.full(len(final), -np.inf)
    before = np.maximum.accumulate(np.concatenate([np.full_like(usable[:1], -np.inf), usable[:-1]]))
    stops_and_is_wrong = (usable > before) & (classes[least_steps - 1 : -1] != right) & (final == right)
    return np.asarray(np.where(stops_and_is_wrong, usable, -np.inf).max(axis=0))


def _above(harmful: Array, *, whole: bool) -> float:
    """Return the smallest threshold of at least 0 that is above the first of these, a whole number if so asked."""
    highest = float(harmful[0]) if len(harmful) else -math.inf
    if highest < 0:
        return 0.0
    return highest + 1 if whole else float(np.nextafter(highest, math.inf))
