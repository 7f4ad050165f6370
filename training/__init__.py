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

_HOMES = {
    ".centralisation": ("centralised",),
    ".dt_scheduler": ("DtScheduler",),
    ".layers": (
        "LIF",
        "AdaptiveLIF",
        "Alpha",
        "CubaLIF",
        "EachStep",
        "InOneLoop",
        "Leaky",
        "LeakyIntegrator",
        "Lowpass",
        "RecurrentLIF",
        "RepeatOverTime",
        "SpikingActivation",
        "SwapBatchAndTime",
    ),
    ".loading": ("load_model",),
    ".losses": (
        "IntegralCrossEntropy",
        "MembraneCrossEntropy",
        "SpikeCountCrossEntropy",
        "SpikeCountMSE",
        "TimeToFirstSpikeCrossEntropy",
    ),
    ".membranes": ("membrane",),
    ".metrics": ("FirstSpikeAccuracy", "IntegralAccuracy", "SpikeCountAccuracy"),
    ".regularizers": ("L1", "L1L2", "L2", "Percentile", "SynapticOperationBudget"),
    ".surrogates": ("SURROGATES", "Surrogate", "pseudo_gradient", "spike"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "data":
        return import_module(".data", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
