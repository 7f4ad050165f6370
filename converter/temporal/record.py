"""From a model of sequences to one of a step: the time axis is taken out of every layer call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..layer_call import LayerCall, ModelRecord
from ..layers.same_at_each_step import SAME_AT_EACH_STEP

__all__ = ["AT_EACH_STEP", "as_steps", "keeps_time"]

AT_EACH_STEP = "spikeport_at_each_step"
"""The argument that marks calls which act on the values of a step."""

_STATEFUL = (
    "AdaptiveLIF",
    "Alpha",
    "CubaLIF",
    "InOneLoop",
    "LIF",
    "Leaky",
    "LeakyIntegrator",
    "Lowpass",
    "RecurrentLIF",
    "SpikingActivation",
)
_WRAPPERS = ("EachStep", "TimeDistributed")
_NO_PLACE = "acts along the time axis of a network that was trained on spikes; put it into training.EachStep"


def keeps_time(record: ModelRecord) -> bool:
    """Say whether a model has layers of `spikeport.training` that go along a time axis."""
    return any(_is_stateful(call) for call in record.calls)


def _is_stateful(call: LayerCall) -> bool:
    return call.layer_type in _STATEFUL and "return_sequences" in {**call.config, **_loops(call)}


def _loops(call: LayerCall) -> Mapping[str, Any]:
    return {"return_sequences": True} if call.layer_type == "InOneLoop" else {}


def as_steps(record: ModelRecord) -> tuple[ModelRecord, int]:
    """Return what the model does in a step, and for how many steps.

    Inputs that reach a layer with a state have a time axis, which is taken away, unless a RepeatOverTime is in between.
    Layers that cannot act on a step get a refusal, which the lowering reports.
    """
    sequences = _sequence_inputs(record)
    timed: dict[str, bool] = {}
    steps = 0
    calls = []
    for call in record.calls:
        timed[call.name] = call.name in sequences or any(timed[name] for name in call.inputs)
        if call.name in sequences:
            shape = tuple(call.config["shape"])
            steps = max(steps, int(shape[0]))
            calls.append(replace(call, config={**call.config, "shape": shape[1:]}))
        elif call.layer_type == "RepeatOverTime":
            timed[call.name] = True
            steps = max(steps, int(call.config.get("n_steps", 1)))
            calls.append(replace(call, layer_type="Identity", config={}))
        elif timed[call.name]:
            calls.append(_of_a_step(call))
        else:
            calls.append(call)
    return replace(record, calls=tuple(calls)), max(steps, 1)


def _sequence_inputs(record: ModelRecord) -> set[str]:
    """Return the input layers that a layer with a state reads, with no RepeatOverTime between."""
    reads = {call.name: call for call in record.calls}
    found: set[str] = set()
    seen: set[str] = set()
    open_ = [call for call in record.calls if _is_stateful(call) or call.layer_type in _WRAPPERS[:1]]
    while open_:
        call = open_.pop()
        if call.name in seen or call.layer_type == "RepeatOverTime":
            continue
        seen.add(call.name)
        if call.layer_type == "InputLayer":
            found.add(call.name)
        open_ += [reads[name] for name in call.inputs]
    return found


def _of_a_step(call: LayerCall) -> LayerCall:
    """Return a call behind the time axis as it is for a step."""
    config = call.config
    if _is_stateful(call):
        options = {"return_sequences": True, "return_state": False, "stateful": False}
        wrong = [f"{name}={config[name]}" for name, value in options.items() if config.get(name, value) != value]
        return _refused(call, f"{', '.join(wrong)}; takes sequences from the first step on") if wrong else call
    if call.layer_type == "SwapBatchAndTime":
        return replace(call, layer_type="Identity", config={})
    if call.layer_type in _WRAPPERS:
        inner = config.get("layer")
        if not isinstance(inner, Mapping) or not isinstance(inner.get("config"), Mapping):
            return _refused(call, "layer without a class_name; takes a layer")
        layer_type = str(inner.get("class_name")).rpartition(">")[2]
        return (
            _refused(call, f"a {layer_type} inside, which has a time axis of its own")
            if layer_type
            in (
                *_STATEFUL,
                *_WRAPPERS,
            )
            else replace(call, layer_type=layer_type, config={**inner["config"], AT_EACH_STEP: True})
        )
    if call.layer_type == "Reshape":
        target = tuple(config.get("target_shape", ()))
        if len(target) < 2:
            return _refused(call, _NO_PLACE)
        return replace(call, config={**config, "target_shape": target[1:]})
    if call.layer_type == "Concatenate":
        axis = int(config.get("axis", -1))
        if axis in (0, 1):
            return _refused(call, _NO_PLACE)
        return replace(call, config={**config, "axis": axis if axis < 0 else axis - 1})
    if call.layer_type == "BatchNormalization":
        axis = config.get("axis", -1)
        axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        if not isinstance(axis, int) or axis in (0, 1):
            return _refused(call, _NO_PLACE)
        return replace(call, config={**config, "axis": axis if axis < 0 else axis - 1})
    if call.layer_type in (*SAME_AT_EACH_STEP, "PReLU"):
        return replace(call, config={**config, AT_EACH_STEP: True})
    return _refused(call, _NO_PLACE)


def _refused(call: LayerCall, why: str) -> LayerCall:
    return call if call.refusal[0] else replace(call, refusal=("unsupported-argument", why))
