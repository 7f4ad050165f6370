"""The catalogue of reasons: every code that a report can hold, with its severity and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["REASONS", "Reason", "Severity"]


class Severity(Enum):
    """How far a layer is from the Keras original, from nearest to farthest."""

    EXACT = "exact"  # the same numbers, or an error that goes to zero as the steps grow
    NOTE = "note"  # exact, and something that the user should know
    HOST = "host"  # exact, but computed by the host and not by neurons
    APPROXIMATE = "approximate"  # an error that more steps do not remove
    REFUSED = "refused"  # converted, but the backend that was asked about cannot run it
    UNSUPPORTED = "unsupported"  # cannot be converted

    @property
    def rank(self) -> int:
        """Return the place in this order, from 0."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Reason:
    """One code of the catalogue.

    Attributes
    ----------
    code
        The stable name: scripts may rely on it.
    severity
        What it means for the result.
    what
        What was done and why, in a clause; a report entry adds the layer's own details.
    remedy
        What to do about it; empty where nothing needs doing.
    """

    code: str
    severity: Severity
    what: str
    remedy: str = ""


_EXACT, _NOTE, _HOST = Severity.EXACT, Severity.NOTE, Severity.HOST
_APPROXIMATE, _REFUSED, _UNSUPPORTED = Severity.APPROXIMATE, Severity.REFUSED, Severity.UNSUPPORTED

REASONS: Mapping[str, Reason] = {
    reason.code: reason
    for reason in (
        # what a layer can become
        Reason("input", _EXACT, "samples come in here as a constant current"),
        Reason("linear", _EXACT, "became a linear op, which acts on spikes as it does on activations"),
        Reason("spiking", _EXACT, "its ReLU became integrate-and-fire neurons"),
        Reason("spiking-pair", _EXACT, "its piecewise-linear activation became pairs of integrate-and-fire neurons"),
        Reason("rearranged", _EXACT, "only moves values; costs nothing"),
        Reason("identity", _EXACT, "does nothing at inference, so it was left out"),
        Reason("folded", _EXACT, "a scale and shift, multiplied into the weights of the layer before it"),
        Reason("scale-shift", _EXACT, "became one scale and shift for each channel"),
        Reason(
            "max-pool-before-neurons", _EXACT, "moved before the neurons: a maximum of ReLUs is the ReLU of the maximum"
        ),
        Reason("looked-up", _EXACT, "whole-number inputs pick rows of a table, once for each sample"),
        Reason("read-out", _EXACT, "acts on the mean over the read-out window of its input"),
        # what the host computes
        Reason(
            "max-pool-host",
            _HOST,
            "max pooling of values that are not one ReLU's: computed on running means, exact as the steps grow",
            "put the pooling right after a ReLU, or use AveragePooling, to keep it among the neurons",
        ),
        Reason(
            "activation-host",
            _HOST,
            "a smooth activation that integrate-and-fire neurons do not compute: computed on running means",
            "use ReLU where the whole network has to be spiking",
        ),
        Reason(
            "merge-host",
            _HOST,
            "combines its inputs in a way that is not linear: computed on running means",
            "fine on the cpu and in Nengo; on a chip this layer runs on the host",
        ),
        Reason(
            "own-statistics-host",
            _HOST,
            "divides by a figure of the sample itself: computed on running means",
            "use BatchNormalization, which is folded into the weights, where the whole network has to be spiking",
        ),
        Reason(
            "layer-host",
            _HOST,
            "kept as a Keras layer (a tensor node), computed on running means",
            "fine on the cpu and in Nengo; on a chip this layer runs on the host",
        ),
        # what a user should know of the whole conversion
        Reason(
            "thresholds-from-data",
            _NOTE,
            "thresholds are a percentile of each channel's activations on the calibration data",
        ),
        Reason(
            "no-calibration-data",
            _APPROXIMATE,
            "no calibration data: thresholds come from the weights and an assumed input range",
            "pass calibration=samples (--calibrate DATA.npz); a few hundred training samples are enough",
        ),
        Reason(
            "channel-never-active",
            _NOTE,
            "channels that no calibration sample activated take the largest threshold of their layer",
            "calibrate with more samples if these channels matter",
        ),
        Reason("no-neurons", _NOTE, "the model has no ReLU, so the network has no spiking neurons"),
        Reason("input-shape-given", _NOTE, "the file does not hold an input shape; the given one was used"),
        # what a backend makes of it
        Reason("checked-for-backend", _NOTE, "what the backend makes of each part"),
        Reason("runs-as-neurons", _NOTE, "runs as neurons of the backend"),
        Reason("runs-on-host", _HOST, "runs on the host"),
        Reason(
            "refused-by-backend",
            _REFUSED,
            "cannot run on this backend",
            "use backend='cpu', or change the layer as said",
        ),
        # what cannot be converted
        Reason(
            "unknown-layer",
            _UNSUPPORTED,
            "there is no handler for this layer type",
            "register one: layers = spikeport.LAYERS.child(); layers.register(...)",
        ),
        Reason(
            "code-in-file",
            _UNSUPPORTED,
            "holds Python code inside the model file, which is never executed",
            "replace the Lambda by layers, or register a handler that computes the same",
        ),
        Reason(
            "recurrent",
            _UNSUPPORTED,
            "a recurrent layer keeps a state over its own time axis, which a spiking network of steps cannot share yet",
            "unroll it, or replace it by convolutions over time",
        ),
        Reason(
            "unsupported-argument",
            _UNSUPPORTED,
            "an argument has a value that the handler does not take",
            "change the argument, or register a handler of your own for this layer type",
        ),
        Reason(
            "missing-weights",
            _UNSUPPORTED,
            "the file does not hold the weights that this layer needs",
            "save the whole model again: model.save(...)",
        ),
        Reason(
            "shape-mismatch",
            _UNSUPPORTED,
            "the shapes in the file contradict each other",
            "save the whole model again: model.save(...)",
        ),
        Reason(
            "after-unsupported",
            _UNSUPPORTED,
            "reads a layer that cannot be converted, so its shapes are not known",
            "see the layers before it",
        ),
    )
}
"""Every reason by its code."""
