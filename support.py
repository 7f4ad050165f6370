"""What becomes of each Keras layer on each backend: found by asking, with a small network around the layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .backends import BACKENDS
from .backends.contract import Verdict
from .converter.graph import Graph
from .converter.layer_call import LayerCall, ModelRecord
from .converter.layers import LAYERS, LayerRegistry
from .converter.layers.smallest_calls import smallest_call
from .converter.lowering import lower
from .converter.ops import Shape
from .converter.passes import run_passes
from .converter.report import ReportBuilder

__all__ = ["support_of"]

_WHERE_SAMPLES_COME_IN = ("Embedding", "InputLayer")  # they stand nowhere else
_ORDER = ("refused", "neurons", "host", "folded")  # what says most about a layer of several nodes
_REMEDY_FOR_ALL = ", or run with backend='cpu'"


def support_of(layer_type: str, layers: LayerRegistry = LAYERS) -> Mapping[str, str]:
    """Return what each backend makes of a layer between two spiking layers, by backend name.

    One of "neurons", "folded" into the connections, "host", "left out", or "refused" with the reason.
    """
    if layers[layer_type].handler is None:
        return dict.fromkeys(BACKENDS, "refused")
    graph = _network_around(smallest_call(layer_type), layers)
    return {name: _told(list(backend.check(graph))) for name, backend in BACKENDS.items()}


def _told(verdicts: Sequence[Verdict]) -> str:
    """Return the verdict on the layer's nodes in a few words."""
    own = {v.where: v for v in verdicts if "layer" in v.layers}
    if not own:
        return "left out"
    where = next(word for word in _ORDER if word in own)
    why = own[where].why.partition(_REMEDY_FOR_ALL)[0]
    return f"refused: {why}" if where == "refused" else where


def _network_around(call: LayerCall, layers: LayerRegistry) -> Graph:
    """Return a graph with two spiking layers before the layer, one behind it and a linear one at the end.

    Two before: on a chip the first one stays on the host.
    """
    calls = []
    if call.layer_type != "InputLayer":
        calls.append(LayerCall(name="input", layer_type="InputLayer", config={"shape": call.input_shape}))
    if call.layer_type not in _WHERE_SAMPLES_COME_IN:
        size = call.input_shape[-1]
        calls += [_dense("first", "input", size, size), _dense("second", "first", size, size)]
        call = replace(call, inputs=("second", "first")[: len(call.inputs)])
    size = math.prod(_output_shape(call, layers))
    calls += [
        call,
        LayerCall(name="flat", layer_type="Flatten", inputs=(call.name,)),
        _dense("behind", "flat", size, 2),
        _dense("last", "behind", 2, 2, activation="linear"),
    ]
    record = ModelRecord(name="support", origin="", keras_version="", calls=tuple(calls), outputs={"last": "last"})
    report = ReportBuilder(record.name)
    return run_passes(lower(record, layers, report), report)


def _dense(name: str, source: str, inputs: int, units: int, activation: str = "relu") -> LayerCall:
    return LayerCall(
        name=name,
        layer_type="Dense",
        config={"activation": activation},
        weights={"kernel": np.ones((inputs, units), np.float32), "bias": np.zeros(units, np.float32)},
        inputs=(source,),
    )


def _output_shape(call: LayerCall, layers: LayerRegistry) -> Shape:
    shapes = call.input_shapes
    for op in layers.lower(call):
        shapes = (op.output_shape(*shapes),)
    return shapes[0]
