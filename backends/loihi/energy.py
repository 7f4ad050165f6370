"""What a network costs on the chip, in joules and seconds: exact counts of events times constants from publications.

An estimate. No constant was measured here, and those of Loihi are its makers' simulations before there was a chip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .emulation import Traffic

__all__ = ["CONSTANTS", "DEVICES", "Constant", "Device", "Estimate", "estimate"]

_DAVIES = "Davies et al. 2018, IEEE Micro 38(1), table 2"
_SIMULATED = "simulated before silicon, 0.75 V: a lower bound"


@dataclass(frozen=True, kw_only=True)
class Constant:
    """What one event costs: joules or seconds, between two bounds."""

    name: str
    low: float
    high: float
    unit: str
    source: str
    grade: str


CONSTANTS: tuple[Constant, ...] = (
    Constant(name="synaptic operation", low=23.6e-12, high=23.6e-12, unit="J", source=_DAVIES, grade=_SIMULATED),
    Constant(
        name="neuron update", low=52e-12, high=81e-12, unit="J", source=f"{_DAVIES}: inactive, active", grade=_SIMULATED
    ),
    Constant(
        name="spike message",
        low=1.7e-12,
        high=1.7e-12 + 8 * 4e-12,
        unit="J",
        source=f"{_DAVIES}: within a tile, and with 8 hops of up to 4 pJ from tile to tile",
        grade=f"{_SIMULATED}; how far messages go is not known before hardware places the cores",
    ),
    Constant(name="synaptic operation, time", low=3.5e-9, high=3.5e-9, unit="s", source=_DAVIES, grade=_SIMULATED),
    Constant(name="neuron update, time", low=5.3e-9, high=8.4e-9, unit="s", source=_DAVIES, grade=_SIMULATED),
    Constant(name="barrier, time", low=113e-9, high=465e-9, unit="s", source=_DAVIES, grade=_SIMULATED),
    Constant(
        name="static power of a chip",
        low=0.0,
        high=0.104,
        unit="W",
        source="derived from Frady et al. 2020; 0 where the chip has other work",
        grade="derived from a measurement",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Device:
    """Joules of a synaptic operation and of a neuron update, as KerasSpiking's ModelEnergy has them."""

    name: str
    spiking: bool
    operation: float
    update: float
    source: str


DEVICES: tuple[Device, ...] = (
    Device(name="cpu", spiking=False, operation=8.6e-9, update=8.6e-9, source="Degnan, Marr, Hasler 2015: i7-4960X"),
    Device(name="gpu", spiking=False, operation=0.3e-9, update=0.3e-9, source="the same: GTX Titan Black"),
    Device(name="arm", spiking=False, operation=0.9e-9, update=0.9e-9, source="the same: Cortex-A"),
    Device(name="loihi", spiking=True, operation=27.1e-12, update=81e-12, source="Davies et al. 2018"),
    Device(name="spinnaker", spiking=True, operation=13.3e-9, update=26e-9, source="Höppner et al. 2019"),
    Device(name="spinnaker2", spiking=True, operation=450e-12, update=2.19e-9, source="Höppner et al. 2019"),
)

_MAC_45NM = 4.6e-12  # joules: float32 addition 0.9 and multiplication 3.7; Horowitz, ISSCC 2014. Without memory.


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a sample costs in the mean. Pairs are bounds.

    Attributes
    ----------
    operations, updates, messages
        Synaptic operations, neuron updates and spike messages (one for each core that a spike goes to), counted.
    joules
        Part → bounds; "synaptic operations", "neuron updates", "spike messages", "static", and their sum, "total".
    seconds
        Bounds of the time on the chip, where the busiest core sets the pace. The host is not in it.
    macs
        Multiplications of the model before its conversion.
    mac_joules
        What these cost in 45 nm without any memory.
    devices
        Device → joules after ModelEnergy's constants: those that are no spiking hardware run the model itself.
    """

    samples: int
    steps: float
    operations: float
    updates: float
    messages: float
    joules: Mapping[str, tuple[float, float]]
    seconds: tuple[float, float]
    macs: float
    mac_joules: float
    devices: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the figures, with the constants and where they come from, as JSON values."""
        return {
            "samples": self.samples,
            "steps": self.steps,
            "operations": self.operations,
            "updates": self.updates,
            "messages": self.messages,
            "joules": {name: list(bounds) for name, bounds in self.joules.items()},
            "seconds": list(self.seconds),
            "macs": self.macs,
            "mac_joules": self.mac_joules,
            "devices": dict(self.devices),
            "constants": [vars(constant) for constant in CONSTANTS],
            "measured_here": False,
        }

    def __str__(self) -> str:
        low, high = self.joules["total"]
        lines = [
            f"{self.operations:,.0f} synaptic operations, {self.updates:,.0f} neuron updates and {self.messages:,.0f} "
            f"spike messages a sample, in {self.steps:.0f} steps",
            f"estimated, not measured: {_micro(low)} to {_micro(high)} µJ a sample; on the chip it takes "
            f"{self.seconds[0] * 1e3:.2g} to {self.seconds[1] * 1e3:.2g} ms",
        ]
        lines += [f"  {name}: {_micro(a)} to {_micro(b)} µJ" for name, (a, b) in self.joules.items() if name != "total"]
        lines.append(
            f"the model: {self.macs:,.0f} multiplications, {_micro(self.mac_joules)} µJ in 45 nm without memory"
        )
        lines.append("by ModelEnergy's constants: " + ", ".join(f"{n} {_micro(j)} µJ" for n, j in self.devices.items()))
        return "\n".join(lines)


def estimate(traffic: Traffic, neurons: int, macs: float, values: float, n_chips: int = 1) -> Estimate:
    """Return what a sample costs, from what the emulator counted.

    Parameters
    ----------
    traffic
        Of at least one sample.
    neurons
        On the chip.
    macs, values
        Multiplications of the model, and values that it computes.
    """
    samples = traffic.samples
    steps = traffic.steps / samples
    operations, updates, messages = traffic.operations.sum() / samples, neurons * steps, traffic.messages / samples
    constants = {constant.name: (constant.low, constant.high) for constant in CONSTANTS}
    seconds = _seconds(traffic, constants)
    joules = {
        "synaptic operations": _times(operations, constants["synaptic operation"]),
        "neuron updates": _times(updates, constants["neuron update"]),
        "spike messages": _times(messages, constants["spike message"]),
        "static": (
            n_chips * constants["static power of a chip"][0] * seconds[0],
            n_chips * constants["static power of a chip"][1] * seconds[1],
        ),
    }
    joules["total"] = (sum(low for low, _ in joules.values()), sum(high for _, high in joules.values()))
    devices = {
        d.name: d.operation * (operations if d.spiking else macs) + d.update * (updates if d.spiking else values)
        for d in DEVICES
    }
    return Estimate(
        samples=samples,
        steps=steps,
        operations=float(operations),
        updates=float(updates),
        messages=float(messages),
        joules=joules,
        seconds=seconds,
        macs=macs,
        mac_joules=macs * _MAC_45NM,
        devices={name: float(value) for name, value in devices.items()},
    )


def _seconds(traffic: Traffic, constants: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """Return the bounds of a sample's time: each core does its operations and updates one after another."""
    found = []
    for bound in (0, 1):
        cores = (
            traffic.operations / traffic.steps * constants["synaptic operation, time"][bound]
            + traffic.neurons * constants["neuron update, time"][bound]
        )
        step = float(np.max(cores, initial=0.0)) + constants["barrier, time"][bound]
        found.append(step * traffic.steps / traffic.samples)
    return found[0], found[1]


def _times(number: float, bounds: tuple[float, float]) -> tuple[float, float]:
    return float(number * bounds[0]), float(number * bounds[1])


def _micro(joules: float) -> str:
    return f"{joules * 1e6:,.3g}"
