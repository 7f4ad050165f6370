"""Cell: what a layer that was trained with a state does at each step: trained neurons, integrators, filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Array, Op, Shape, one_shape
from .neuron_state import TIE

__all__ = ["Cell", "CellState"]

_LARGEST = 1e6
_BY_CHANNEL = (
    "decay",
    "threshold",
    "gain",
    "synapse_decay",
    "adapting",
    "initial_voltage",
    "initial_current",
    "current_share",
)


@dataclass(eq=False, kw_only=True)
class CellState:
    """What a cell remembers, float64 ``(batch, *shape)``: it is changed in place."""

    voltage: Array
    current: Array
    sent: Array
    refractory: Array
    adaptation: Array

    def keep(self, places: Array) -> None:
        """Forget all samples but those at these places."""
        for name, value in vars(self).items():
            setattr(self, name, value[places])


@dataclass(frozen=True, eq=False, kw_only=True)
class Cell(Op):
    """Leaky membranes with a state from step to step, and one value of each parameter for each channel (the last axis).

    With x the input, W the recurrent weights and s the output of the step before::

        i ← α·i + (x + s·W)·gain/θ;   v ← max(β·v + i − κ·a, v_min);   s = 1 where v ≥ 1, else 0;   v ← v − s, or 0
        a ← a + γ·s − λ·a

    Without a threshold nothing fires: the output is v + ρ·i. Unlike `Neurons`, a cell stands for no activation: it is
    what a network that was trained on spikes consists of, and has no rate.

    Attributes
    ----------
    decay
        β, ``(channels,)``.
    threshold
        θ, ``(channels,)``; None for a cell that does not fire.
    gain
        What the input is multiplied by, ``(channels,)`` or one value.
    synapse_decay
        α, ``(channels,)``; None is no synapse: i is the input.
    recurrent
        W, ``(channels, channels)``; None is none.
    initial_voltage, initial_current
        v and i before the first step, in thresholds: one number, or ``(channels,)``; kept as arrays.
    current_share
        ρ, ``(channels,)``, of a cell with a synapse that does not fire; None is 0.
    reset
        "subtract" or "zero".
    v_min
        The membrane never goes below it; None for no bound.
    refractory
        Steps after a spike in which nothing is heard and sent.
    adapting
        κ, ``(channels,)``; None is no adaptation.
    adaptation_gain, adaptation_loss
        γ and λ.
    """

    linear: ClassVar[bool] = False

    decay: Array
    threshold: Array | None = None
    gain: Array
    synapse_decay: Array | None = None
    recurrent: Array | None = None
    initial_voltage: Array | float = 0.0
    initial_current: Array | float = 0.0
    current_share: Array | None = None
    reset: str = "subtract"
    v_min: float | None = None
    refractory: int = 0
    adapting: Array | None = None
    adaptation_gain: float = 0.0
    adaptation_loss: float = 0.0

    def __post_init__(self) -> None:
        if self.reset not in ("subtract", "zero"):
            raise ValueError(f"expected reset to be 'subtract' or 'zero', received {self.reset!r}")
        for name in ("initial_voltage", "initial_current"):
            value = getattr(self, name)
            object.__setattr__(self, name, value if isinstance(value, np.ndarray) else np.full(1, value, np.float64))
        for name in (*_BY_CHANNEL, "recurrent"):
            value = getattr(self, name)
            if value is not None and not (value.size and np.all(np.abs(value) <= _LARGEST)):
                raise ValueError(f"expected {name} as finite numbers, received others")
        for name in ("v_min", "adaptation_gain", "adaptation_loss", "refractory"):
            value = getattr(self, name)
            if value is not None and not abs(value) <= _LARGEST:
                raise ValueError(f"expected {name} as a finite number, received {value}")
        for name in ("decay", "synapse_decay"):
            value = getattr(self, name)
            if value is not None and np.abs(value).max() > 1:
                raise ValueError(f"expected {name} from 0 to 1, received {value.max()}")
        if self.current_share is not None and (self.synapse_decay is None or self.fires):
            raise ValueError("expected current_share for a cell with a synapse that does not fire")
        if self.threshold is not None and self.threshold.min() < 1 / _LARGEST:
            raise ValueError(f"expected thresholds above 0, received {self.threshold.min()}")

    @property
    def fires(self) -> bool:
        """Say whether it sends spikes."""
        return self.threshold is not None

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = one_shape(self.kind, shapes)
        channels = shape[-1] if shape else 1
        for name in _BY_CHANNEL:
            value = getattr(self, name)
            if value is not None and value.shape not in ((channels,), (1,)):
                raise ValueError(f"Cell expected {name} for {channels} channels, received {value.shape}")
        if self.recurrent is not None and self.recurrent.shape != (channels, channels):
            raise ValueError(
                f"Cell expected recurrent weights for {channels} channels, received {self.recurrent.shape}"
            )
        return shape

    def apply(self, *values: Array) -> Array:
        raise TypeError("a Cell has no rate: it was trained on spikes")

    def threshold_of(self, shape: Shape) -> Array:
        """Return the height of a spike for each neuron of a population of this shape, flattened: 1."""
        return np.ones(int(np.prod(shape)))

    def start(self, batch: int, shape: Shape) -> CellState:
        """Return the state before the first step of so many samples."""
        zeros = np.zeros((batch, *shape))
        return CellState(
            voltage=zeros + self.initial_voltage,
            current=zeros + self.initial_current,
            sent=zeros.copy(),
            refractory=zeros.copy(),
            adaptation=zeros.copy(),
        )

    def step(self, state: CellState, x: Array) -> Array:
        """Take one step of ``(batch, *shape)``; return what is put out, float64."""
        current = np.asarray(x, np.float64)
        if self.recurrent is not None:
            current = current + state.sent @ self.recurrent.astype(np.float64)
        gain = self.gain.astype(np.float64)
        current = current * (gain if self.threshold is None else gain / self.threshold.astype(np.float64))
        if self.synapse_decay is not None:
            current = state.current * self.synapse_decay.astype(np.float64) + current
            state.current = current
        if self.adapting is not None:
            current = current - self.adapting.astype(np.float64) * state.adaptation
        moved = state.voltage * self.decay.astype(np.float64) + current
        awake = state.refractory <= 0
        voltage = np.where(awake, moved, state.voltage)
        if self.v_min is not None:
            voltage = np.maximum(voltage, self.v_min)
        if not self.fires:
            state.voltage = voltage
            share = self.current_share
            return np.asarray(voltage if share is None else voltage + share.astype(np.float64) * state.current)
        sent = ((voltage >= 1 - TIE) & awake).astype(np.float64)
        state.voltage = np.where(sent > 0, 0.0, voltage) if self.reset == "zero" else voltage - sent
        state.refractory = np.where(sent > 0, float(self.refractory), np.maximum(state.refractory - 1, 0))
        if self.adapting is not None:
            state.adaptation = state.adaptation + self.adaptation_gain * sent - self.adaptation_loss * state.adaptation
        state.sent = sent
        return sent
