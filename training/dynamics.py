"""The step of a neuron in keras.ops: the definition of `Neurons.step`, with a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Rule", "advance", "tie_of"]

_TIES = {"float64": 1e-9, "float32": 1e-5}
_COARSE_TIE = 1e-3


def tie_of(dtype: str) -> float:
    """Return how close below a threshold counts as on it, in thresholds: above the rounding error of the type.

    In float64 it is `TIE`, that of the other backends.
    """
    return _TIES.get(dtype, _COARSE_TIE)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What rules a step, in thresholds and steps: numbers, or tensors with one for each channel.

    Attributes
    ----------
    fire
        Voltage → events, with the gradient of a surrogate.
    decay
        What is left of the membrane after a step; None for all of it.
    v_min
        The membrane never goes below it; None for no bound.
    to_zero
        The membrane is 0 after an event, rather than lower by the events.
    takes_back
        Negative events are sent while the sum of all stays at or above 0.
    refractory
        Steps after an event in which the neuron hears and sends nothing.
    adapting, gain, loss
        Of the adaptation, as in `Dynamics`; a gain of None is none.
    detach_reset
        Whether gradients pass the reset.
    """

    fire: Callable[[Any], Any]
    decay: Any = None
    v_min: float | None = None
    to_zero: bool = False
    takes_back: bool = False
    refractory: int = 0
    adapting: Any = 1.0
    gain: Any = None
    loss: Any = 0.0
    detach_reset: bool = True

    @property
    def state_size(self) -> int:
        """Return how many arrays the state has: the voltage, then the sum, the refractory steps, the adaptation."""
        return 1 + self.takes_back + (self.refractory > 0) + (self.gain is not None)


def advance(rule: Rule, state: tuple[Any, ...], current: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take one step.

    Parameters
    ----------
    state
        `Rule.state_size` arrays.
    current
        In thresholds, correction included.

    Returns
    -------
    events, state
        Whole numbers, and the state after the step.
    """
    from keras import ops

    voltage, *rest = state
    total = rest.pop(0) if rule.takes_back else None
    waiting = rest.pop(0) if rule.refractory else None
    adaptation = rest.pop(0) if rule.gain is not None else None
    if adaptation is not None:
        current = current - rule.adapting * adaptation
    moved = current + (voltage if rule.decay is None else voltage * rule.decay)
    awake = None if waiting is None else waiting <= 0
    if awake is not None:
        moved = ops.where(awake, moved, voltage)
    # not ops.maximum: of equal values, each Keras backend gives the gradient to another
    voltage = moved if rule.v_min is None else ops.where(moved < rule.v_min, rule.v_min, moved)
    events = rule.fire(voltage)
    if total is not None:
        least = -ops.stop_gradient(total)
        events = ops.where(events < least, least, events)
    if awake is not None:
        events = ops.where(awake, events, 0.0)
    taken = ops.stop_gradient(events) if rule.detach_reset else events
    if rule.to_zero:
        voltage = ops.where(taken != 0, 0.0, voltage) if rule.detach_reset else voltage * (1.0 - taken)
    else:
        voltage = voltage - taken
    following = [voltage]
    if total is not None:
        following.append(ops.stop_gradient(total + events))
    if waiting is not None:
        fewer = ops.maximum(waiting - 1.0, 0.0)
        following.append(ops.stop_gradient(ops.where(events > 0, float(rule.refractory), fewer)))
    if adaptation is not None:
        following.append(adaptation + rule.gain * events - rule.loss * adaptation)
    return events, tuple(following)
