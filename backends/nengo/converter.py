"""Converter: NengoDL's way of working, a Keras model as a nengo.Network with an object for each of its layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import nengo
import numpy as np

from ...converter.layer_call import ModelRecord
from ...converter.lowering import lower
from ...converter.ops import Array
from ...converter.report import Report, ReportBuilder
from ...converter.sources import read_model
from ...errors import ConversionError
from .activations import SwapActivations
from .build import build_network
from .converter_runs import as_feeds, run_in_batches, run_in_simulator
from .layer_converter import LayerConverter, registered_for
from .live_calls import LiveCall, live_calls
from .live_model import ConverterError, NotConvertibleError, check_shared, functional, read_live
from .native_layers import NativeLayers
from .object_map import MapEntry, ObjectMap
from .tensor_node import InstantStep

__all__ = ["Converter"]

_DT = 0.001


class Converter:
    """Converts a Keras model to a nengo.Network, with the arguments and attributes of NengoDL's Converter.

    Activations become Nengo's neuron types: ReLU, sigmoid and tanh as rates, until ``swap_activations`` puts spiking
    ones in their place. Values are in Hz there: an activation of 1.0 is one spike in a second. `spikeport.convert` is
    the way to a network that needs no scales and synapses.

    Parameters
    ----------
    model
        A live Keras 3 model, functional or Sequential; or the path of a file, which is read without Keras: it then has
        no live layers to fall back to, and everything is found by name.
    allow_fallback
        Let what has no native form become a tensor node: a Node that computes it at every step. Else it is an error.
    inference_only
        Say nothing of regularisers and constraints. They do nothing at inference and are left aside either way.
    max_to_avg_pool
        Convert max pooling as average pooling, which changes what the model computes.
    split_shared_weights
        Let layers with weights be used several times, each use with a copy of the weights.
    swap_activations
        Activation → activation or neuron type, applied before and after the default map: keys and values are Keras
        activations, as functions or names, or Nengo neuron types.
    scale_firing_rates
        A number, or layer (or its name) → number: the input of neurons is multiplied by it and their amplitude divided,
        so that they fire so many times as often and say the same.
    synapse
        A filter, or a time constant in seconds, on every connection from neurons and on outputs that are neurons.
    temporal_model
        The axis after the batch is the simulator's time: each step of a sequence is a step of the simulation.

    Attributes
    ----------
    model
        The functional model; None for a file.
    net
        The nengo.Network; it runs in nengo.Simulator.
    inputs, outputs, layers
        Keras tensors, layers or names → input Nodes, output Probes, and the Node or Neurons of each layer.
    report
        What became of every layer.

    Raises
    ------
    NotConvertibleError
        A TypeError, with every layer that has no native form, where ``allow_fallback`` is False.
    ConverterError
        A ValueError: for an input of open shape, or weights that are shared without ``split_shared_weights``.
    """

    converters: ClassVar[dict[type, type[LayerConverter]]] = {}
    """Keras layer class → the converter registered for it."""

    def __init__(
        self,
        model: Any,
        allow_fallback: bool = True,
        inference_only: bool = False,
        max_to_avg_pool: bool = False,
        split_shared_weights: bool = False,
        swap_activations: Mapping[Any, Any] | None = None,
        scale_firing_rates: float | Mapping[Any, float] | None = None,
        synapse: Any = None,
        temporal_model: bool = False,
    ) -> None:
        self.allow_fallback = allow_fallback
        self.inference_only = inference_only
        self.max_to_avg_pool = max_to_avg_pool
        self.split_shared_weights = split_shared_weights
        self.swap_activations = SwapActivations(swap_activations)
        self.scale_firing_rates = scale_firing_rates
        self.synapse = nengo.synapses.SynapseParam("synapse").coerce(None, synapse)
        self.temporal_model = temporal_model
        self._made: dict[int, LayerConverter] = {}
        self._scales_used: set[Any] = set()

        told: list[str] = []
        self.model, calls, record = self._read(model, told)
        self._live = {call.name: call for call in calls}
        if not split_shared_weights:
            own = {call.name: registered_for(call.layer, self.converters) for call in calls}
            check_shared(record, {name for name, made in own.items() if made is not None and made.has_weights})
        native = NativeLayers(self, self._live)
        report = ReportBuilder(record.name)
        try:
            self._graph = lower(record, native, report)
        except ConversionError as error:
            raise NotConvertibleError(" ".join([*native.refused.values(), str(error)]), error.report) from None
        if native.refused:
            for name in native.refused:
                report.became([name], *native.outcomes[name])
            raise NotConvertibleError(" ".join(native.refused.values()), report.build())
        self._built = build_network(self._graph, synapse=self.synapse, feed=np.zeros, tensor_step=InstantStep)
        self.net = self._built.network
        self.inputs, self.outputs, self.layers = self._object_maps(calls, record)
        for name, (code, detail) in native.outcomes.items():
            report.became([name], code, detail)
        told += native.warnings
        self._report_options(report, native, told)
        self.report: Report = report.build()
        for message in told:
            warnings.warn(message, UserWarning, stacklevel=2)

    @classmethod
    def register(cls, keras_layer: type) -> Callable[[type[LayerConverter]], type[LayerConverter]]:
        """Register a `LayerConverter` for a Keras layer class, as a decorator."""

        def register_converter(converter: type[LayerConverter]) -> type[LayerConverter]:
            if keras_layer in cls.converters:
                warnings.warn(f"Layer '{keras_layer}' already has a converter. Overwriting.", UserWarning, stacklevel=2)
            cls.converters[keras_layer] = converter
            return converter

        return register_converter

    def get_converter(self, layer: Any) -> LayerConverter:
        """Return the registered converter of a layer; the same one at every call.

        Raises
        ------
        KeyError
            For a layer whose class has none: built-in layers need none.
        """
        if id(layer) not in self._made:
            registered = registered_for(layer, self.converters)
            if registered is None:
                raise KeyError(f"{type(layer).__name__} has no converter of a user's own")
            self._made[id(layer)] = registered(layer, self)
        return self._made[id(layer)]

    def scale_of(self, name: str) -> float | None:
        """Return the firing rate scale of a layer call, None for none; the innermost key counts."""
        scales = self.scale_firing_rates
        if not isinstance(scales, Mapping):
            return None if scales is None else float(scales)
        parts = [part.split(":")[0] for part in name.split("/")]
        chain = self._live[name].chain if name in self._live else (None,) * len(parts)
        for depth in range(len(parts), 0, -1):
            layer, own = chain[depth - 1], parts[depth - 1]
            keys = (layer, "/".join(parts[:depth]), own, name)
            for key in keys:
                if key is not None and key in scales:
                    self._scales_used.add(key)
                    return float(scales[key])
        return None

    def verify(
        self,
        training: bool = False,
        inputs: Any = None,
        atol: float = 1e-8,
        rtol: float = 1e-5,
    ) -> bool:
        """Compare one step of the network in nengo.Simulator (ten for a temporal model) with the Keras model.

        It says nothing of spiking networks, whose output is right over time only.

        Parameters
        ----------
        training
            Must be False: a nengo.Network is not trained.
        inputs
            Samples to compare on; by default two of ones.
        atol, rtol
            The difference allowed is ``atol + rtol · (the largest value of the output)``: Keras computes in single
            precision, Nengo in double.

        Raises
        ------
        ConverterError
            When an output differs, with the largest difference.
        """
        if training:
            raise ConverterError(
                "verify(training=True) trains both sides, and a nengo.Network is not trained: fine-tuning a converted "
                "network as a Keras model (net.to_keras) comes with a later release; use verify() for inference"
            )
        if self.model is None:
            raise ConverterError("verify compares with a live Keras model; this Converter was given a file")
        leading = (2, 10) if self.temporal_model else (2,)
        if inputs is None:
            inputs = [np.ones((*leading, *node.shape), np.float32) for node in self._graph.inputs]
        feeds, n_steps = as_feeds(self._graph, inputs, None if self.temporal_model else 1, temporal=self.temporal_model)
        arrays = [feeds[node.name] for node in self._graph.inputs]
        samples = [a.reshape(*a.shape[: len(leading)], *n.shape) for a, n in zip(arrays, self._graph.inputs)]
        expected = self._keras_outputs([a.astype(np.float32) for a in samples])
        found = run_in_simulator(self._built, feeds, n_steps, _DT)
        for name, wanted in zip(self._graph.outputs, expected, strict=True):
            difference = float(np.abs(found[name].reshape(wanted.shape) - wanted).max(initial=0.0))
            if not difference <= atol + rtol * float(np.abs(wanted).max(initial=0.0)):
                raise ConverterError(
                    "Output of Keras model does not match output of converted Nengo network "
                    f"(max difference={difference:.2E}, output {name})"
                )
        return True

    def predict(
        self,
        x: Any,
        n_steps: int | None = None,
        *,
        dt: float = _DT,
        record: Iterable[Any] = (),
        batch_size: int | None = None,
    ) -> dict[str, Array]:
        """Run samples through the network, in batches and with NumPy: what nengo.Simulator gives one by one.

        Parameters
        ----------
        x
            Samples ``(n, *shape)``, each held for ``n_steps``; for a temporal model sequences ``(n, steps, *shape)``.
            A list for several inputs; or a mapping by name, tensor, layer or input Node.
        n_steps
            How long each sample is presented; that of the sequences for a temporal model.
        dt
            The step in seconds.
        record
            Keys of `layers` whose output to return as well.
        batch_size
            Samples that are run at once; by default as many as fit the processor's cache.

        Returns
        -------
        values
            Output name, and call name of each recorded layer → ``(n, steps, *shape)``.
        """
        if isinstance(x, Mapping):
            x = {self._input_name(key): values for key, values in x.items()}
        feeds, n_steps = as_feeds(self._graph, x, n_steps, temporal=self.temporal_model)
        targets: dict[str, tuple[Any, Any]] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        for name, probe in self._built.outputs.items():
            targets[name] = (probe.obj, probe.synapse)
            shapes[name] = self._graph.nodes[self._graph.outputs[name]].shape
        for key in record:
            for name in self.layers.entry(key).ends:
                targets[name] = (self._built.objects[name], None)
                shapes[name] = self._graph.nodes[name].shape
        values = run_in_batches(self._built, feeds, n_steps, targets, dt=dt, batch_size=batch_size)
        return {name: v.reshape(*v.shape[:2], *shapes[name]) for name, v in values.items()}

    def _input_name(self, key: Any) -> str:
        node = key if isinstance(key, nengo.Node) else self.inputs[key]
        return next(name for name in self._built.feeds if self._built.objects[name] is node)

    def _read(self, model: Any, told: list[str]) -> tuple[Any, list[LiveCall], ModelRecord]:
        """Return the functional model, its layer calls alive and as data; only the data for a file."""
        if isinstance(model, (str, Path)):
            return None, [], read_model(model)
        model, was_sequential = functional(model, self.temporal_model)
        if was_sequential:
            told.append(
                "Converting sequential model to functional model; use `Converter.model` to refer to the functional "
                "model (rather than the original sequential model) when working with the output of the Converter"
            )
        record = read_live(model, self.temporal_model)
        return model, live_calls(model), record

    def _object_maps(self, calls: list[LiveCall], record: ModelRecord) -> tuple[ObjectMap, ObjectMap, ObjectMap]:
        """Return the mappings to input Nodes, output Probes and layers' objects."""
        objects, probes = self._built.objects, self._built.outputs
        if self.model is None:
            return (
                ObjectMap(MapEntry(name=n.name, objects=(objects[n.name],)) for n in self._graph.inputs),
                ObjectMap(MapEntry(name=name, objects=(probe,)) for name, probe in probes.items()),
                ObjectMap(
                    MapEntry(name=c.name, objects=(objects[c.name],), ends=(c.name,))
                    for c in record.calls
                    if c.name in objects
                ),
            )
        entries = {}
        for call in calls:
            # a nested model may have outputs that nothing reads, which the network does not compute
            there = [(end, tensor) for end, tensor in zip(call.ends, call.tensors, strict=True) if end in objects]
            if there:
                entries[call] = MapEntry(
                    name=call.name,
                    objects=tuple(objects[end] for end, _ in there),
                    ends=tuple(end for end, _ in there),
                    tensors=tuple(tensor for _, tensor in there),
                    layer=call.layer,
                )
        layers = ObjectMap(
            (entry for call, entry in entries.items() if call.outer),
            (entry for call, entry in entries.items() if not call.outer),
        )
        inputs = [
            MapEntry(name=t._keras_history.operation.name, objects=(layers[t],), tensors=(t,), layer=_maker(t))
            for t in self.model.inputs
        ]
        outputs = [
            MapEntry(name=name, objects=(probe,), tensors=(t,), layer=_maker(t))
            for t, (name, probe) in zip(self.model.outputs, probes.items(), strict=True)
        ]
        return ObjectMap(inputs), ObjectMap(outputs), layers

    def _report_options(self, report: ReportBuilder, native: NativeLayers, told: list[str]) -> None:
        """Say what the options left unused, and what was left aside."""
        unused = self.swap_activations.unused_keys()
        if unused:
            told.append(
                f"swap_activations contained {unused}, but there were no layers in the model with that activation type"
            )
            report.note("option-unused", f"swap_activations: {', '.join(map(str, unused))}")
        if isinstance(self.scale_firing_rates, Mapping):
            idle = [key for key in self.scale_firing_rates if key not in self._scales_used]
            names = ", ".join(str(getattr(key, "name", key)) for key in idle)
            if idle:
                told.append(f"scale_firing_rates contained {names}, but no neurons of the model belong to that")
                report.note("option-unused", f"scale_firing_rates: {names}")
        if native.training_only:
            report.note("training-only", ", ".join(native.training_only))
        for message in native.scaled_without_amplitude:
            report.note("scale-without-amplitude", message)

    def _keras_outputs(self, samples: list[Array]) -> list[Array]:
        import keras

        packed = keras.tree.pack_sequence_as(self.model.input, samples)  # as a list, a mapping, or by itself
        return [np.asarray(value, np.float64) for value in keras.tree.flatten(self.model(packed, training=False))]


def _maker(tensor: Any) -> Any:
    """Return the layer that a tensor comes from."""
    return tensor._keras_history.operation
