"""What a neuro-core of a Loihi 1 chip holds, as data: the check, the message, the report and the docs read it here."""

from __future__ import annotations

from dataclasses import dataclass

_BLOCK = "nengo-loihi 1.1.0, block.py"
_VALIDATE = "nengo-loihi 1.1.0, builder/validate.py"
_DISCRETIZE = "nengo-loihi 1.1.0, builder/discretize.py"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The largest amount of one resource, and where the number comes from."""

    name: str
    value: int
    unit: str
    source: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.value:,} {self.unit}"


CORE_LIMITS: tuple[Limit, ...] = (
    Limit(name="compartments", value=1024, unit="neurons a core", source=f"{_BLOCK}, MAX_COMPARTMENTS"),
    Limit(
        name="in-axons",
        value=4096,
        unit="input axons a core",
        source=f"{_BLOCK}, MAX_IN_AXONS",
        note="Dense and sparse: one for each input. Convolution: one for each input pixel that the core reads.",
    ),
    Limit(
        name="out-axons",
        value=4096,
        unit="axon slots a core",
        source=f"{_BLOCK}, MAX_OUT_AXONS",
        note="For each target core, one for each of its input axons that the core feeds; two with pop_type 32.",
    ),
    Limit(
        name="synapses",
        value=16384 * 64,
        unit="bits a core",
        source=f"{_BLOCK}, MAX_SYNAPSE_BITS",
        note="Groups of up to 64 weights, 8 bits and an index each, 10 bits a group, in words of 64 bits.",
    ),
    Limit(
        name="compartment base",
        value=256,
        unit="neurons (less than)",
        source=f"{_VALIDATE}, validate_synapse",
        note="Where a convolution's pixel starts in its core. Farther is reached with a second copy of the weights.",
    ),
    Limit(
        name="threshold settings",
        value=7,
        unit="different thresholds a core",
        source="nengo-loihi 1.1.0, hardware/builder.py, asserts fewer than 8",
        note="So thresholds are folded into the weights, and one core has one threshold.",
    ),
    Limit(
        name="pop16 atoms",
        value=32,
        unit="channels of a pop_type 16 axon",
        source="nengo-loihi 1.1.0, hardware/builder.py",
        note="512 in the emulator.",
    ),
)

CHIP_LIMITS: tuple[Limit, ...] = (
    Limit(name="cores", value=128, unit="neuro-cores a chip", source="Davies et al. 2018, IEEE Micro 38(1)"),
)

NUMBER_FORMATS: tuple[Limit, ...] = (
    Limit(
        name="weight levels",
        value=127,
        unit="levels each side of zero",
        source=f"{_DISCRETIZE}, discretize_weights",
        note="8 bits, the lowest given up for the sign; one exponent for each connection and core.",
    ),
    Limit(name="threshold", value=(2**17 - 1) * 64, unit="membrane units", source=f"{_DISCRETIZE}, VTH_MAX"),
    Limit(name="bias", value=(2**12 - 1) * 2**7, unit="membrane units a step", source=f"{_DISCRETIZE}, BIAS_MAX"),
    Limit(
        name="membrane bits",
        value=23,
        unit="bits, signed",
        source=f"{_DISCRETIZE}, U_BITS and V_BITS",
    ),
)
