"""Training spiking networks in Keras 3, on TensorFlow, JAX and torch: the parts are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .centralisation import centralised
    from .dt_scheduler import DtScheduler
    from .layers import (
        LIF,
        AdaptiveLIF,
        Alpha,
        CubaLIF,
        EachStep,
        InOneLoop,
        Leaky,
        LeakyIntegrator,
        Lowpass,
        RecurrentLIF,
        RepeatOverTime,
        SpikingActivation,
        SwapBatchAndTime,
    )
    from .loading import load_model
    from .losses import (
        IntegralCrossEntropy,
        MembraneCrossEntropy,
        SpikeCountCrossEntropy,
        SpikeCountMSE,
        TimeToFirstSpikeCrossEntropy,
    )
    from .membranes import membrane
    from .metrics import FirstSpikeAccuracy, IntegralAccuracy, SpikeCountAccuracy
    from .regularizers import L1, L1L2, L2, Percentile, SynapticOperationBudget
    from .surrogates import SURROGATES, Surrogate, pseudo_gradient, spike

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "LIF",
    "SURROGATES",
    "AdaptiveLIF",
    "Alpha",
    "CubaLIF",
    "DtScheduler",
    "EachStep",
    "FirstSpikeAccuracy",
    "InOneLoop",
    "IntegralAccuracy",
    "IntegralCrossEntropy",
    "Leaky",
    "LeakyIntegrator",
    "Lowpass",
    "MembraneCrossEntropy",
    "Percentile",
    "RecurrentLIF",
    "RepeatOverTime",
    "SpikeCountAccuracy",
    "SpikeCountCrossEntropy",
    "SpikeCountMSE",
    "SpikingActivation",
    "Surrogate",
    "SwapBatchAndTime",
    "SynapticOperationBudget",
    "TimeToFirstSpikeCrossEntropy",
    "centralised",
    "load_model",
    "membrane",
    "pseudo_gradient",
    "spike",
]

_HOMES = (
    ".centralisation",
    ".dt_scheduler",
    ".layers",
    ".loading",
    ".losses",
    ".membranes",
    ".metrics",
    ".regularizers",
    ".surrogates",
)


def __getattr__(name: str) -> Any:
    if name == "data":
        return import_module(".data", __name__)
    if name in __all__:
        for home in _HOMES:
            module = import_module(home, __name__)
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
