"""Parity: each layer's output in the rate network beside Keras's own, or beside the graph before the passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .converter.graph import Graph
from .converter.keras_import import as_array, import_keras
from .converter.layer_call import ModelRecord
from .converter.layers import LAYERS, LayerRegistry
from .converter.lowering import lower
from .converter.ops import Activation, Add, Array, MaxPool, OverTime, Permute, PReLU, Reduce, Shape
from .converter.passes import run_passes
from .converter.report import ReportBuilder
from .converter.sources import read_model
from .errors import DataError, ParityError, UsageError
from .samples import as_samples, noise

__all__ = ["TOLERANCE", "LayerParity", "Parity", "parity", "require_parity", "trusted_model"]

TOLERANCE = 1e-4
"""The largest difference, as a share of the range of the layer's values, that still counts as the same."""

_SWAPPED = (Activation, MaxPool, OverTime, PReLU, Reduce)  # what passes put before or behind each other
_ROUNDING_MARGIN = 4  # Keras rounds elsewhere, and its errors are of the size of ours


@dataclass(frozen=True, kw_only=True)
class LayerParity:
    """How close one layer's output is.

    Attributes
    ----------
    maximum
        The largest absolute difference, in the units of the activations.
    relative
        That, as a share of the range (largest minus smallest value) of the reference.
    correlation
        Pearson's, over all values; 1 where both are constant.
    """

    layer: str
    maximum: float
    relative: float
    correlation: float

    @property
    def same(self) -> bool:
        """Say whether the difference is within the tolerance."""
        return self.relative <= TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "layer": self.layer,
            "maximum": self.maximum,
            "relative": self.relative,
            "correlation": self.correlation,
            "same": self.same,
        }


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How close every layer is.

    Attributes
    ----------
    reference
        "Keras", or "the graph before the passes".
    layers
        The layers that both sides have, in the model's order; the outputs last.
    """

    reference: str
    samples: int
    layers: tuple[LayerParity, ...]

    @property
    def first_difference(self) -> LayerParity | None:
        """Return the first layer that differs."""
        return next((row for row in self.layers if not row.same), None)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        first = self.first_difference
        return {
            "reference": self.reference,
            "samples": self.samples,
            "same": first is None,
            "first_difference": first.layer if first else None,
            "layers": [row.to_json() for row in self.layers],
        }


def parity(
    model: Any,
    data: Any = None,
    *,
    with_keras: bool = False,
    architecture: str | Path | None = None,
    input_shape: Shape | None = None,
    layers: LayerRegistry = LAYERS,
) -> Parity:
    """Compare each layer's output in the rate network with a reference.

    Parameters
    ----------
    model
        A path or a live Keras model. A live model is compared with itself (but see `trusted_model`). A file is compared
        with the graph before the passes, which has a node for each Keras layer.
    data
        Samples; by default 8 of uniform noise from 0 to 1.
    with_keras
        Compare with Keras whatever the model is. It then loads a file: for files that you trust only.
    architecture
        The JSON file that ``model.to_json()`` makes, where the model's file holds weights only.
    input_shape
        The shape of one sample, where the file does not hold it.
    layers
        The layer registry, with handlers of your own: ``LAYERS.child()``.

    Raises
    ------
    ConversionError
        When the model cannot be converted.
    DataError
        When the samples do not fit, or lead to values beyond the range of float32.
    UsageError
        When Keras cannot load the file.
    """
    record = read_model(model, input_shape=input_shape, architecture=architecture)
    report = ReportBuilder(record.name)
    plain = lower(record, layers, report)
    final = run_passes(plain, report)
    samples = as_samples(plain, data) if data is not None else noise(plain, (0.0, 1.0), count=8)
    keras_model = trusted_model(model, record)
    if with_keras:
        keras_model = _loaded(Path(model)) if isinstance(model, (str, Path)) else model
    if keras_model is None:
        return _between_graphs(plain, final, samples)
    return _with_keras(plain, final, samples, keras_model)


def trusted_model(model: Any, record: ModelRecord) -> Any:
    """Return the live Keras model whose outputs are the reference; None where the graph before the passes is it.

    That is so for a file, which Keras does not load, and for a model with a convolution whose channels come first: on a
    CPU, TensorFlow 2.21 computes some of these wrongly and refuses others.
    """
    if isinstance(model, (str, Path)) or any(_convolves_channels_first(c.layer_type, c.config) for c in record.calls):
        return None
    return model


def _convolves_channels_first(layer_type: str, config: Mapping[str, Any]) -> bool:
    inner = config.get("layer")  # of a TimeDistributed
    if isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
        return _convolves_channels_first(str(inner.get("class_name")), inner["config"])
    return "Conv" in layer_type and config.get("data_format") == "channels_first"


def require_parity(plain: Graph, final: Graph, samples: list[Array], keras_model: Any = None) -> None:
    """Raise unless the passes kept the outputs, and a live model's own outputs are those of the graph.

    Parameters
    ----------
    keras_model
        What `trusted_model` returns: with None, the graph before the passes is the reference.

    Raises
    ------
    DataError
        When the samples lead to outputs beyond the range of float32.
    ParityError
        With the output and the difference.
    """
    if keras_model is None:
        rows = _output_rows(final, samples, _values(plain, samples, ()), plain)
    else:
        rows = list(_with_keras(plain, final, samples, keras_model, per_layer=False).layers)
    different = [row for row in rows if not row.same]
    rounding = _rounding(plain, samples) if different else {}
    for row in different:
        if row.relative > _ROUNDING_MARGIN * rounding[row.layer]:
            raise ParityError(
                f"{row.layer}: expected the converted graph to equal the model, received a difference of "
                f"{row.relative:.1e} of the output's range; this is a defect of spikeport or of a handler of your own: "
                "spikeport parity MODEL shows the first layer that differs"
            )


def _rounding(plain: Graph, samples: list[Array]) -> dict[str, float]:
    """Return how far float32 takes each output from what float64 computes, as a share of the range.

    Deep networks with random weights, and large numbers that cancel, make rounding errors grow.
    """
    exact, single = _values(plain, [x.astype(np.float64) for x in samples], ()), _values(plain, samples, ())
    return {name: _row(name, exact[node], single[node]).relative for name, node in plain.outputs.items()}


def _output_rows(final: Graph, samples: list[Array], before: Mapping[str, Array], plain: Graph) -> list[LayerParity]:
    after = _values(final, samples, ())
    return [_row(name, before[place], after[final.outputs[name]]) for name, place in plain.outputs.items()]


def _between_graphs(plain: Graph, final: Graph, samples: list[Array]) -> Parity:
    """Compare the graphs' outputs, and the nodes that the passes left as they were."""
    turned = _turned(plain, final)
    kept = [n.name for n in final.nodes.values() if n.inputs and _comparable(plain, final, n.name, turned)]
    before, after = _values(plain, samples, kept), _values(final, samples, kept)
    rows = [_row(name, before[name], after[name]) for name in kept]
    rows += _output_rows(final, samples, before, plain)
    return Parity(reference="the graph before the passes", samples=len(samples[0]), layers=tuple(rows))


def _turned(plain: Graph, final: Graph) -> set[str]:
    """Return the nodes before which the passes took a transposition away: their values lie in another order."""
    turned: set[str] = set()
    for node in plain.nodes.values():
        for source in (plain.nodes[name] for name in node.inputs):
            gone = isinstance(source.op, Permute) and source.name not in final.nodes
            if gone or (source.name in turned and isinstance(source.op, (Activation, Add))):
                turned.add(node.name)
    return turned


def _comparable(plain: Graph, final: Graph, name: str, turned: set[str]) -> bool:
    """Say whether a node means the same in both graphs: its op was left as it is, and nothing moved past it."""
    if name in turned or name not in plain.nodes or final.nodes[name].op is not plain.nodes[name].op:
        return False
    node = final.nodes[name]
    if name in final.outputs.values() or node.shape != plain.nodes[name].shape:
        return False
    return _swapped_before(plain, name) == _swapped_before(final, name)


def _swapped_before(graph: Graph, name: str) -> set[str]:
    """Return the layers of poolings and activations that a node reads, directly or through others."""
    found: set[str] = set()
    seen, stack = {name}, [name]
    while stack:
        for source in graph.nodes[stack.pop()].inputs:
            if isinstance(graph.nodes[source].op, _SWAPPED):
                found.update(graph.nodes[source].layers)
            if source not in seen:
                seen.add(source)
                stack.append(source)
    return found


def _with_keras(plain: Graph, final: Graph, samples: list[Array], model: Any, *, per_layer: bool = True) -> Parity:
    """Compare the graph before the passes layer by layer, and the final graph's outputs."""
    rows: list[LayerParity] = []
    if per_layer:
        names = [layer.name for layer in model.layers if layer.name in plain.nodes and plain.nodes[layer.name].inputs]
        keras_values = _keras_values(model, names, samples) if names else {}
        ours = _values(plain, samples, names)
        rows = [_row(name, keras_values[name], ours[name]) for name in names]
    outputs = model(_structured(model, samples), training=False)
    flat = [outputs[key] for key in sorted(outputs)] if isinstance(outputs, Mapping) else outputs
    flat = list(flat) if isinstance(flat, (list, tuple)) else [flat]
    after = _values(final, samples, ())
    for (name, place), value in zip(final.outputs.items(), flat, strict=True):
        rows.append(_row(name, as_array(value), after[place]))
    return Parity(reference="Keras", samples=len(samples[0]), layers=tuple(rows))


def _keras_values(model: Any, names: list[str], samples: list[Array]) -> dict[str, Array]:
    """Return the outputs of layers that are called once, from one model that has them all as outputs."""
    tensors = {name: model.get_layer(name).output for name in names}
    single = len(samples) == 1
    whole = _keras_of(model).Model(model.inputs[0] if single else model.inputs, tensors)
    values = whole(samples[0] if single else samples, training=False)
    return {name: as_array(value) for name, value in values.items()}


def _structured(model: Any, samples: list[Array]) -> Any:
    """Return samples in the structure in which a live model takes its inputs."""
    structure = getattr(model, "input", None)  # a Sequential model of Keras 3 has none until it is called
    if isinstance(structure, Mapping):
        return dict(zip(sorted(structure), samples, strict=True))
    return samples if isinstance(structure, (list, tuple)) else samples[0]


def _keras_of(model: Any) -> Any:
    """Return the library that a live model belongs to: keras or tf_keras."""
    roots = [cls.__module__.split(".")[0] for cls in type(model).__mro__]
    return import_keras("tf_keras" if "tf_keras" in roots else "keras")


def _loaded(path: Path) -> Any:
    try:
        return import_keras().models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever a file leads it to
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path}: Keras cannot load this file itself ({first}); leave --with-keras out") from None


def _values(graph: Graph, samples: list[Array], keep: Any) -> dict[str, Array]:
    feeds = {node.name: x for node, x in zip(graph.inputs, samples, strict=True)}
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is compared, and differs
        return graph.evaluate(feeds, keep=keep)


def _row(layer: str, reference: Array, ours: Array) -> LayerParity:
    wanted, found = (np.asarray(a, np.float64).reshape(-1) for a in (reference, ours))
    if not np.isfinite(wanted).all():
        raise DataError(f"{layer}: expected finite values, received some beyond the range of float32")
    if wanted.shape != found.shape or not np.isfinite(found).all():
        return LayerParity(layer=layer, maximum=np.inf, relative=np.inf, correlation=0.0)
    maximum = float(np.abs(wanted - found).max(initial=0.0))
    span = float(np.ptp(wanted)) or float(np.abs(wanted).max(initial=0.0)) or 1.0
    spread = float(wanted.std() * found.std())
    covariance = float(((wanted - wanted.mean()) * (found - found.mean())).mean())
    correlation = covariance / spread if spread > 0 else float(maximum <= TOLERANCE * span)
    return LayerParity(layer=layer, maximum=maximum, relative=maximum / span, correlation=correlation)
