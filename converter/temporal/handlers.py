"""Handlers of the layers of `spikeport.training`, by the arrays and arguments that a file holds of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..layer_call import LayerCall
from ..layers import LAYERS, LayerRegistry, UnsupportedLayerError
from ..layers.activation import activation_ops
from ..layers.arguments import needed_weight, number
from ..ops import Array, AtEachStep, Cell, Neurons, Op, OverTime, Reshape, ScaleShift, is_population
from ..ops.base import channel_vector
from ..sources.grouped_weights import snake_case
from ..sources.weight_names import weight_names
from .record import AT_EACH_STEP

__all__ = ["TRAINED_LAYERS"]

_STEP = 0.001  # seconds: that of `Neurons`
_MOST_EVENTS = 127
_MOST_RATIO = 40.0
_NEVER_NEGATIVE = (
    "relu",
    "relu6",
    "sigmoid",
    "hard_sigmoid",
    "softplus",
    "exponential",
    "softmax",
)


class _StepRegistry(LayerRegistry):
    """Handlers whose ops act within a step, where the call is marked so."""

    def lower(self, call: LayerCall) -> tuple[Op, ...]:
        ops = super().lower(call)
        return tuple(map(_within_the_step, ops)) if call.config.get(AT_EACH_STEP) else ops


def _within_the_step(op: Op) -> Op:
    if isinstance(op, OverTime):
        raise UnsupportedLayerError("unsupported-argument", "acts along an axis of the sample as well")
    stays = op.linear or is_population(op) or isinstance(op, Cell | AtEachStep)
    return op if stays else AtEachStep(op=op)


def _neurons(call: LayerCall, decay: Array, **more: Any) -> tuple[Op, ...]:
    """Return a population of `Neurons` where all have the same leak, else a cell."""
    threshold = channel_vector(needed_weight(call, "threshold"))
    reset = str(call.config.get("reset", "subtract"))
    start = number(call, "initial_voltage", 0.0)
    same = float(decay[0]) if np.all(decay == decay[0]) else 0.0
    if not 0 < same <= 1 or more.pop("as_cell", False):
        kept = {"v_min": more.get("v_min"), "refractory": round(more.get("tau_ref", 0.0) / _STEP)}
        return (
            Cell(
                decay=decay,
                threshold=threshold,
                gain=np.ones(1, np.float32),
                initial_voltage=start,
                reset=reset,
                **kept,
                **more.get("cell", {}),
            ),
        )
    more.pop("cell", None)
    neurons = Neurons(
        threshold=threshold,
        scale=threshold,
        initial_voltage=start,
        reset=reset,
        tau_rc=None if same == 1 else -_STEP / math.log(same),
        **more,
    )
    if np.all(threshold == 1):
        return (neurons,)
    return neurons, ScaleShift(scale=1 / threshold, shift=np.zeros(1, np.float32))


def _decay(call: LayerCall, name: str) -> Array:
    return np.clip(channel_vector(needed_weight(call, name)), 0, 1)


def leaky(call: LayerCall) -> tuple[Op, ...]:
    """Become a population: neurons where all leak alike, else a cell."""
    return _neurons(call, _decay(call, "beta"))


def lif(call: LayerCall) -> tuple[Op, ...]:
    """Become a population of LIF neurons."""
    return _lif(call, {})


def adaptive_lif(call: LayerCall) -> tuple[Op, ...]:
    """Become a population of adaptive LIF neurons."""
    tau_n, inc_n = number(call, "tau_n", 1.0), number(call, "inc_n", 0.01)
    return _lif(call, {"tau_n": tau_n, "inc_n": inc_n})


def _lif(call: LayerCall, adaptation: Mapping[str, float]) -> tuple[Op, ...]:
    dt = number(call, "dt", _STEP)
    tau_rc = np.exp(needed_weight(call, "log_tau_rc").astype(np.float64))
    decay = np.exp(-dt / tau_rc)
    per_step = _STEP / dt  # `Neurons` counts in steps of 1 ms
    more: dict[str, Any] = {"v_min": 0.0, "tau_ref": round(number(call, "tau_ref", 0.002) / dt) * _STEP}
    if adaptation:
        tau_n, inc_n = adaptation["tau_n"], adaptation["inc_n"]
        more |= {"tau_n": tau_n * per_step, "inc_n": inc_n * per_step}
        more["cell"] = {
            "adapting": 1 - decay,
            "adaptation_gain": inc_n / tau_n,
            "adaptation_loss": min(dt / tau_n, 1.0),
        }
        if np.any(decay != decay[0]):
            more.pop("tau_n"), more.pop("inc_n")
    return _neurons(call, decay, **more)


def cuba_lif(call: LayerCall) -> tuple[Op, ...]:
    """Become a cell with a synapse."""
    return _neurons(call, _decay(call, "beta"), as_cell=True, cell={"synapse_decay": _decay(call, "alpha")})


def recurrent_lif(call: LayerCall) -> tuple[Op, ...]:
    """Become a cell whose spikes come back to it one step later."""
    kernel = needed_weight(call, "recurrent_kernel", rank=2)
    return _neurons(call, _decay(call, "beta"), as_cell=True, cell={"recurrent": kernel})


def leaky_integrator(call: LayerCall) -> tuple[Op, ...]:
    """Become a cell that does not fire."""
    return (Cell(decay=_decay(call, "beta"), gain=np.ones(1, np.float32)),)


def lowpass(call: LayerCall) -> tuple[Op, ...]:
    """Become a cell that does not fire, with a filter's gain."""
    ratio, level = _filter(call)
    left = np.exp(-ratio)
    return _by_value(call, Cell(decay=left, gain=1 - left, initial_voltage=level))


def alpha(call: LayerCall) -> tuple[Op, ...]:
    """Become a cell with a synapse that does not fire.

    With a = exp(−r), r = dt/τ and w the level of the first filter, ``y ← a·y + a·r·w + (1 − a − a·r)·x`` and
    ``w ← a·w + (1 − a)·x`` are what a cell computes with i = r·w and y = v + ρ·i, for a gain of r·(1 − a) and
    ρ = (1 − a − r)/(r·(1 − a)).
    """
    ratio, level = _filter(call)
    left = np.exp(-ratio)
    gain = ratio * (1 - left)
    share = (1 - left - ratio) / gain
    current = ratio * level
    cell = Cell(
        decay=left,
        synapse_decay=left,
        gain=gain,
        current_share=share,
        initial_voltage=level - share * current,
        initial_current=current,
    )
    return _by_value(call, cell)


def _filter(call: LayerCall) -> tuple[Array, Array]:
    """Return dt/τ and the initial level, flattened; beyond 40, exp(−dt/τ) is nothing in float64."""
    tau, level = needed_weight(call, "tau"), needed_weight(call, "initial_level")
    ratio = number(call, "dt", _STEP) / np.maximum(tau.astype(np.float64), 1e-12)
    return np.minimum(ratio, _MOST_RATIO).reshape(-1), level.astype(np.float64).reshape(-1)


def _by_value(call: LayerCall, cell: Cell) -> tuple[Op, ...]:
    """Return a cell with parameters of its own for each value of a step, whatever its shape."""
    shape = needed_weight(call, "tau").shape
    if len(shape) == 1:
        return (cell,)
    return Reshape(shape=(int(np.prod(shape)),)), cell, Reshape(shape=shape)


def spiking_activation(call: LayerCall) -> tuple[Op, ...]:
    """Become neurons that integrate the activation of each step, with a voltage to start from."""
    activation = activation_ops(call)
    name, start = call.config.get("activation"), call.config.get("initial_state")
    if name not in _NEVER_NEGATIVE:
        raise UnsupportedLayerError(
            "unsupported-argument",
            f"activation={name!r}; takes {', '.join(_NEVER_NEGATIVE)}, which are never negative, since neurons send no "
            "events below zero",
        )
    voltage = _start(start)
    if voltage is None:
        raise UnsupportedLayerError(
            "unsupported-argument",
            f"initial_state={start!r}; takes a number or an array, since what is drawn at random differs from run to "
            "run: set layer.initial_state = 0.5",
        )
    height = np.full(1, 1 / number(call, "dt", _STEP), np.float32)
    neurons = Neurons(threshold=height, scale=height, initial_voltage=voltage, n_max=_MOST_EVENTS)
    return (*map(_within_the_step, activation), neurons)


def _start(value: Any) -> Array | None:
    """Return a voltage to start from, of a number or of nested lists of numbers; None for what is neither."""
    try:
        start = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
    return None if isinstance(value, bool) or value is None or not np.isfinite(start).all() else start


def in_one_loop(call: LayerCall, layers: LayerRegistry) -> Sequence[Op]:
    """Become its layers, one behind the other."""
    ops: list[Op] = []
    groups: dict[str, int] = {}
    for inner in call.config.get("layers", ()):
        config = inner["config"]
        layer_type = str(inner.get("class_name")).rpartition(">")[2]
        group = snake_case(layer_type)
        number_of_group = groups.get(group, 0)
        groups[group] = number_of_group + 1
        stored = f"layers/{group}{f'_{number_of_group}' if number_of_group else ''}/"
        weights = _weights_inside(call.weights, stored, layer_type, config)
        inside = replace(call, layer_type=layer_type, config={**config, AT_EACH_STEP: True}, weights=weights)
        ops += layers.lower(inside)
    return ops


def _weights_inside(
    weights: Mapping[str, Array], stored: str, layer_type: str, config: Mapping[str, Any]
) -> dict[str, Array]:
    """Return the weights of a layer inside: by the layer's name of a live model, by the place in a file."""
    names = weight_names(layer_type, config) or ((), ())
    in_file = [value for key, value in weights.items() if key.startswith(stored)]
    if in_file:
        return dict(zip((*names[0], *names[1]), in_file, strict=False))
    part = f"/{config.get('name')}/"
    found = {key.rpartition("/")[2]: value for key, value in weights.items() if part in f"/{key}"}
    return found or {name: weights[name] for name in (*names[0], *names[1]) if name in weights}


def _registry() -> LayerRegistry:
    layers = _StepRegistry(LAYERS)
    layers.register("Leaky")(leaky)
    layers.register("LIF")(lif)
    layers.register("AdaptiveLIF")(adaptive_lif)
    layers.register("CubaLIF")(cuba_lif)
    layers.register("RecurrentLIF")(recurrent_lif)
    layers.register("LeakyIntegrator")(leaky_integrator)
    layers.register("Lowpass")(lowpass)
    layers.register("Alpha")(alpha)
    layers.register("SpikingActivation")(spiking_activation)
    layers.register_wrapper("InOneLoop")(in_one_loop)
    return layers


TRAINED_LAYERS = _registry()
"""The layers of `LAYERS`, and those of `spikeport.training` that can be converted."""
