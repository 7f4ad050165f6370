"""The neuron types: two for the host, one for the chip. Importing this module imports nengo-loihi."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...converter.ops import Array
from .compatibility import import_nengo_loihi

import_nengo_loihi()  # mended for this NumPy before anything else of it is imported

import nengo  # noqa: E402
from nengo.dists import Choice  # noqa: E402
from nengo.params import IntParam, NdarrayParam, NumberParam  # noqa: E402
from nengo_loihi.builder.builder import Builder as LoihiBuilder  # noqa: E402
from nengo_loihi.builder.ensemble import build_relu  # noqa: E402

__all__ = ["ChipIF", "HostClock", "HostIF"]


class _HostNeurons(nengo.neurons.NeuronType):
    """What both host types share: a gain of 1, so that the current is the input plus the bias."""

    spiking = True

    def gain_bias(self, max_rates: Array, intercepts: Array) -> tuple[Array, Array]:
        return np.ones_like(max_rates), np.zeros_like(max_rates)

    def max_rates_intercepts(self, gain: Array, bias: Array) -> tuple[Array, Array]:
        return np.ones_like(gain), np.zeros_like(gain)

    def rates(self, x: Array, gain: Array, bias: Array) -> Array:
        return np.asarray(np.clip(self.current(x, gain, bias), 0, None))


class HostIF(_HostNeurons):
    """Signed integrate-and-fire with a threshold of 1, which a spike subtracts; driven in thresholds per second.

    nengo-loihi takes any output above zero for one spike, so an amplitude would have no effect.
    """

    state: ClassVar[dict[str, Any]] = {"voltage": Choice([0.5])}

    def step(self, dt: float, J: Array, output: Array, voltage: Array) -> None:
        """Advance by one step."""
        voltage += J * dt
        spiked = voltage >= 1
        output[:] = spiked / dt
        voltage[spiked] -= 1


class HostClock(_HostNeurons):
    """A spike in each of the first J steps: it carries initial voltages, and holds biases back until spikes arrive."""

    state: ClassVar[dict[str, Any]] = {"elapsed": Choice([0])}

    def step(self, dt: float, J: Array, output: Array, elapsed: Array) -> None:
        """Advance by one step."""
        output[:] = (elapsed + 0.5 < J) / dt
        elapsed += 1


class ChipIF(nengo.SpikingRectifiedLinear):
    """Loihi's integrate-and-fire neuron, with a membrane that goes below zero.

    It fires beyond its threshold, then its voltage is zero: the chip does not keep what it had beyond.

    Parameters
    ----------
    min_voltage
        In thresholds; 0 forgets inhibition at once, as Nengo's type does.
    keep
        What is left of each neuron's voltage after a step; None for all of it.
    rest
        Steps after a spike in which nothing is heard.
    """

    state: ClassVar[dict[str, Any]] = {"voltage": Choice([0])}
    min_voltage = NumberParam("min_voltage", high=0)
    keep = NdarrayParam("keep", shape=("*",), optional=True)
    rest = IntParam("rest", low=0)

    def __init__(self, min_voltage: float = 0.0, keep: Array | None = None, rest: int = 0) -> None:
        super().__init__()
        self.min_voltage = min_voltage
        self.keep = keep
        self.rest = rest


@LoihiBuilder.register(ChipIF)  # type: ignore[untyped-decorator]  # nengo-loihi ships no types
def _build_chip_if(model: Any, neuron_type: ChipIF, neurons: Any, block: Any) -> None:
    build_relu(model, neuron_type, neurons, block)
    compartment = block.compartment
    compartment.vmin = neuron_type.min_voltage * compartment.vth[0]
    if neuron_type.keep is not None:  # not scaled: a current counts as it is, whatever leaks
        compartment.decay_v[:] = 1 - neuron_type.keep
    compartment.refract_delay[:] = neuron_type.rest + 1
