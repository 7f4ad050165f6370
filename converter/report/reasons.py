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
        Reason(
            "neurons-lose-rate",
            _APPROXIMATE,
            "its ReLU became neurons that lose some of their current, so their mean output is not quite the ReLU's",
            "use graded or binary neurons, whose error goes to zero as the steps grow, or let calibration correct it",
        ),
        Reason("trained-neurons", _EXACT, "neurons that were trained on spikes, as they are"),
        Reason(
            "trained-state", _EXACT, "a state that was trained from step to step, as it is: an integrator or a filter"
        ),
        Reason("each-step", _HOST, "is not linear and acts at each step, as it was trained to: computed on the host"),
        Reason("rearranged", _EXACT, "only moves values; costs nothing"),
        Reason("identity", _EXACT, "does nothing at inference, so it was left out"),
        Reason("folded", _EXACT, "a scale and shift, multiplied into the weights of the layer before it"),
        Reason("scale-shift", _EXACT, "became one scale and shift for each channel"),
        Reason(
            "max-pool-before-neurons",
            _EXACT,
            "max pooling, exact: moved before the neurons, so that the winners spike, since a maximum of ReLUs is the "
            "ReLU of the maximum",
        ),
        Reason(
            "max-pool-counts",
            _EXACT,
            "max pooling of events: passes an event when the largest count of the window rises, so that events stay "
            "events; exact as the steps grow",
        ),
        Reason(
            "max-pool-gate",
            _APPROXIMATE,
            "max pooling as a gate: each window passes what its member with the largest sum so far sends, the first of "
            "equals; a member that draws level late, or again and again, adds its own events to those of the leader",
            "leave max_pool='gate' out (--max-pool): pooling before the neurons, or on counts, is exact",
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
        # what NengoDL's front makes of a layer
        Reason("nengo-neurons", _EXACT, "its activation became neurons of Nengo that compute it, as rates"),
        Reason(
            "activation-swapped",
            _APPROXIMATE,
            "its activation became what swap_activations asks for",
            "compare the accuracy with spikeport.convert, whose neurons lose nothing as the steps grow",
        ),
        Reason("custom-converter", _NOTE, "converted by the LayerConverter that was registered for its type"),
        Reason(
            "tensor-node",
            _HOST,
            "has no native form in Nengo: a Node computes it at every step (a tensor node)",
            "fine in Nengo; on a chip this layer runs on the host",
        ),
        Reason(
            "max-pool-averaged",
            _APPROXIMATE,
            "max pooling became average pooling",
            "retrain with AveragePooling, or use spikeport.convert, whose max pooling is exact",
        ),
        # what a user should know of the whole conversion
        Reason(
            "thresholds-from-data",
            _NOTE,
            "thresholds come from each channel's activations on the calibration data",
        ),
        Reason(
            "fitted-to-spikes",
            _NOTE,
            "thresholds and initial voltages are those with which spike trains on calibration samples come nearest to "
            "the model's activations; other numbers of steps work as well, a little less exactly",
        ),
        Reason(
            "fewest-spikes",
            _NOTE,
            "thresholds are larger than those of the least error, as the classes stay the model's with fewer spikes",
            "for the least error at any cost: Stages(rate_scale=1), --stage rate_scale=1",
        ),
        Reason(
            "read-out-delayed", _NOTE, "the read-out leaves out the first steps, in which signals reach the last layer"
        ),
        Reason("steps-chosen", _NOTE, "the fewest steps that keep the loss on samples held out from the calibration"),
        Reason("rates-chosen", _NOTE, "the lowest rates that keep the loss on samples held out from the calibration"),
        Reason(
            "target-loss-missed",
            _APPROXIMATE,
            "no number of steps that was allowed keeps the loss on samples held out from the calibration",
            "allow more steps (max_steps) or a larger loss, or calibrate with more samples",
        ),
        Reason(
            "bias-calibrated",
            _APPROXIMATE,
            "a current for each channel takes back its mean error; what it adds stays, however many steps are run",
            "leave the stage out (bias=off) where many steps are run",
        ),
        Reason(
            "weights-calibrated",
            _APPROXIMATE,
            "its kernel and bias were fitted to the spike trains that it receives, so they are no longer the model's, "
            "and the rate network no longer equals it",
            "leave the stage out (weights=off)",
        ),
        Reason(
            "trained-on-spikes",
            _NOTE,
            "the model was trained on spikes: its time axis is that of the network, and nothing was calibrated",
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
        Reason(
            "neurons-random",
            _NOTE,
            "events are drawn at random: always the same for one seed, whatever the backend and the batch",
            "run with several seeds to see how far results vary: net.run(x, seed=1)",
        ),
        Reason("option-without-effect", _NOTE, "an option that had no effect here"),
        Reason("no-neurons", _NOTE, "the model has no ReLU, so the network has no spiking neurons"),
        Reason("input-shape-given", _NOTE, "the file does not hold an input shape; the given one was used"),
        Reason(
            "input-shape-inferred",
            _NOTE,
            "the file does not hold an input shape; the first kernel says how many values the model reads",
            "pass input_shape (--input-shape) to say otherwise",
        ),
        Reason(
            "kernel-dequantised",
            _APPROXIMATE,
            "its kernel, stored as whole numbers, was multiplied out; Keras also rounds its inputs, which is left out",
            "convert the model from before model.quantize(...) to compare it value by value",
        ),
        Reason("training-only", _NOTE, "regularisers and constraints act in training only, so they were left aside"),
        Reason(
            "not-for-chips",
            _NOTE,
            "exact here; but between neurons, chips compute weighted sums only and repeat a kernel over two "
            "dimensions, so these layers stay off a chip or take much of it",
            "see which layers a chip takes and why not: spikeport check MODEL --backend loihi; average pooling or a "
            "convolution with strides, trained anew in place of max pooling, goes on a chip and may cost accuracy",
        ),
        Reason("option-unused", _NOTE, "an option had no effect", "check its spelling, or leave it out"),
        Reason(
            "scale-without-amplitude",
            _APPROXIMATE,
            "the firing rate scale changes what these neurons compute: their type has no amplitude to undo it",
            "leave the layer out of scale_firing_rates",
        ),
        # what a backend makes of it
        Reason("runs-as-neurons", _NOTE, "runs as neurons of the backend"),
        Reason("runs-folded", _NOTE, "is part of the connections between neurons"),
        Reason("runs-on-host", _HOST, "runs on the host"),
        Reason(
            "refused-by-backend",
            _REFUSED,
            "cannot run on this backend",
            "change the layer as said, or use backend='cpu'",
        ),
        # what cannot be converted
        Reason(
            "unknown-layer",
            _UNSUPPORTED,
            "there is no handler for this layer type",
            "register a handler (spikeport.LAYERS.child()), or pass custom_layers={name: class} to run it on the host",
        ),
        Reason(
            "code-in-file",
            _UNSUPPORTED,
            "holds Python code inside the model file, which is never executed",
            "replace the Lambda by layers, or register a handler that computes the same",
        ),
        Reason(
            "no-equal-in-keras3",
            _UNSUPPORTED,
            "an older Keras computed this in a way for which Keras 3 has no words",
            "build the layer anew in Keras 2 or 3, train it again, and save the whole model",
        ),
        Reason(
            "quantised-layer",
            _UNSUPPORTED,
            "rounds its weights and activations in a way of its own, so a float layer would not compute the same",
            "convert the float model from before quantisation, or register a handler for this layer type",
        ),
        Reason(
            "custom-layer-failed",
            _UNSUPPORTED,
            "the class handed over for it could not be made, built or given the file's weights",
            "check custom_layers={name: class}: its from_config, its build and the order of its weights",
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
            "no-native-form",
            _UNSUPPORTED,
            "has no native form in Nengo, and allow_fallback=False rules a tensor node out",
            "allow it, or register a LayerConverter for this layer type",
        ),
        Reason(
            "not-temporal",
            _UNSUPPORTED,
            "does not treat the steps of a sequence alike, so it cannot run step by step (temporal_model=True)",
            "convert it without temporal_model, as data of one sample",
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
