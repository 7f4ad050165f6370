"""spikeport: trained Keras models as spiking neural networks, with a report on every layer.

``net = spikeport.convert("model.h5", calibration=x)``, ``print(net.report)``, ``net.run(x, n_steps=16)``.

Names are looked up when they are first used, so that importing spikeport imports neither TensorFlow nor nengo.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backends import BACKENDS, EarlyExit, RunResult
    from .backends.cpu.two_phase import COS, SRP
    from .backends.loihi.chip_program import ChipProgram, load_chip
    from .backends.nengo.converter import Converter
    from .backends.nengo.layer_converter import LayerConverter
    from .backends.nengo.neuron_type import SignedIntegrateAndFire
    from .conversion import check, convert
    from .converter.layer_call import LayerCall
    from .converter.layers import LAYERS
    from .converter.report import REASONS, Report
    from .converter.spiking import PRESETS, NeuronPreset, Stages
    from .encoders import ENCODERS, ConstantCurrent, Delta, Encoder, EventFrames, Poisson, TimeToFirstSpike
    from .errors import (
        BackendError,
        ConversionError,
        DataError,
        GraphError,
        ParityError,
        SourceError,
        SpikeportError,
        UsageError,
    )
    from .evaluation import Evaluation, evaluate
    from .exit_calibration import calibrate_exit
    from .finetuning import finetune
    from .layer_parity import Parity, parity
    from .loihi_ladder import Ladder, ladder
    from .network import SpikingNetwork, load
    from .tuning import TuneResult, tune

__all__ = [
    "BACKENDS",
    "COS",
    "ENCODERS",
    "LAYERS",
    "PRESETS",
    "REASONS",
    "SRP",
    "BackendError",
    "ChipProgram",
    "ConstantCurrent",
    "ConversionError",
    "Converter",
    "DataError",
    "Delta",
    "EarlyExit",
    "Encoder",
    "Evaluation",
    "EventFrames",
    "GraphError",
    "Ladder",
    "LayerCall",
    "LayerConverter",
    "NeuronPreset",
    "Parity",
    "ParityError",
    "Poisson",
    "Report",
    "RunResult",
    "SignedIntegrateAndFire",
    "SourceError",
    "SpikeportError",
    "SpikingNetwork",
    "Stages",
    "TimeToFirstSpike",
    "TuneResult",
    "UsageError",
    "calibrate_exit",
    "check",
    "convert",
    "evaluate",
    "finetune",
    "ladder",
    "load",
    "load_chip",
    "parity",
    "tune",
]

_HOMES = {
    ".backends": ("BACKENDS", "EarlyExit", "RunResult"),
    ".backends.cpu.two_phase": ("COS", "SRP"),
    ".backends.loihi.chip_program": ("ChipProgram", "load_chip"),
    ".backends.nengo.converter": ("Converter",),
    ".backends.nengo.layer_converter": ("LayerConverter",),
    ".backends.nengo.neuron_type": ("SignedIntegrateAndFire",),
    ".conversion": ("check", "convert"),
    ".converter.layer_call": ("LayerCall",),
    ".converter.layers": ("LAYERS",),
    ".converter.report": ("REASONS", "Report"),
    ".converter.spiking": ("PRESETS", "NeuronPreset", "Stages"),
    ".encoders": (
        "ENCODERS",
        "ConstantCurrent",
        "Delta",
        "Encoder",
        "EventFrames",
        "Poisson",
        "TimeToFirstSpike",
    ),
    ".errors": (
        "BackendError",
        "ConversionError",
        "DataError",
        "GraphError",
        "ParityError",
        "SourceError",
        "SpikeportError",
        "UsageError",
    ),
    ".evaluation": ("Evaluation", "evaluate"),
    ".exit_calibration": ("calibrate_exit",),
    ".finetuning": ("finetune",),
    ".network": ("SpikingNetwork", "load"),
    ".layer_parity": ("Parity", "parity"),
    ".loihi_ladder": ("Ladder", "ladder"),
    ".tuning": ("TuneResult", "tune"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module(".conversion", __name__).own_version()
    if name in ("encoders", "plots", "training"):
        return import_module(f".{name}", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
