"""What each layer becomes in a `Converter`: Nengo's own objects, a user's LayerConverter, or a tensor node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nengo.neurons import NeuronType

from ...converter.layer_call import LayerCall
from ...converter.layers import LAYERS, LayerRegistry, UnsupportedLayerError
from ...converter.layers.activation import activation_ops
from ...converter.ops import Activation, MaxPool, Op, OverTime, Shape
from ...converter.report import REASONS
from ...converter.training_only import training_only_arguments
from .activations import activation_key, neuron_or_op, with_amplitude
from .layer_converter import Place, registered_for
from .live_calls import LiveCall
from .neuron_type import SignedIntegrateAndFire
from .ops import CustomObject, HostFunction, NengoNeurons
from .temporal import at_each_step

if TYPE_CHECKING:
    from .converter import Converter

__all__ = ["NativeLayers"]


class NativeLayers(LayerRegistry):
    """The layer registry, with the `Converter`'s rules on top: activations become Nengo's neuron types.

    Parameters
    ----------
    converter
        Its options are read, `Converter.get_converter` is asked.
    live
        Call name → the use of the live layer; empty for a model from a file.

    Attributes
    ----------
    outcomes
        Call name → code and detail for the report, where the converter knows better than the lowering.
    refused
        Call name → why a layer has no native form and may not become a tensor node.
    warnings
        What NengoDL's users expect as a UserWarning, in order.
    training_only
        ``layer.argument`` of each regulariser and constraint that was left aside.
    scaled_without_amplitude
        The layers whose output a firing rate scale changes.
    """

    def __init__(self, converter: Converter, live: Mapping[str, LiveCall]) -> None:
        super().__init__(LAYERS)
        self._converter = converter
        self._live = live
        self.outcomes: dict[str, tuple[str, str]] = {}
        self.refused: dict[str, str] = {}
        self.warnings: list[str] = []
        self.training_only: list[str] = []
        self.scaled_without_amplitude: list[str] = []

    @property
    def for_inner_layers(self) -> LayerRegistry:
        return LAYERS  # the activations among their ops are turned into Nengo's neurons afterwards

    def lower(self, call: LayerCall) -> tuple[Op, ...]:
        live = self._live.get(call.name)
        if live is not None and registered_for(live.layer, self._converter.converters) is not None:
            return self._custom(call, live)
        if self._converter.temporal_model:
            call = at_each_step(call)
        call, known = _of_known_type(call, live)
        call = self._averaged(call)
        if not self._converter.inference_only:
            self.training_only += [f"{call.name}.{name}" for name in training_only_arguments(call.config)]
        try:
            if not known:
                raise UnsupportedLayerError("unknown-layer")
            ops = self._native(call, live)
        except UnsupportedLayerError as reason:
            return self._whole_layer(call, live, reason)
        hosted = next((op for op in ops if not op.linear and not isinstance(op, NengoNeurons)), None)
        if hosted is not None:
            self._tensor_node(call, hosted)
        return ops

    def _native(self, call: LayerCall, live: LiveCall | None) -> tuple[Op, ...]:
        """Return a layer's ops with Nengo's neuron types for its activations."""
        if "activation" not in call.config or not _activates_its_output(call.layer_type):
            ops: Sequence[Op] = super().lower(call)
        else:
            # the activation comes last, behind any transposition, so that the neurons are in Keras's own order
            ops = super().lower(replace(call, config={**call.config, "activation": "linear"}))
            ops = [op for op in ops if op.kind != "Identity"]
            function = getattr(live.layer, "activation", None) if live is not None else None
            key = activation_key(function) if callable(function) and hasattr(function, "__name__") else None
            if key is not None and not isinstance(key, str):
                return (*ops, *self._activated(call, key))
            ops = [*ops, *activation_ops(replace(call, config={**call.config, "activation": key}) if key else call)]
        made: list[Op] = []
        for op in ops:
            made += self._activated(call, op) if isinstance(op, Activation) else [op]
        return tuple(made)

    def _activated(self, call: LayerCall, activation: Op | Callable[..., Any]) -> list[Op]:
        target, swapped = neuron_or_op(activation, self._converter.swap_activations)
        op = self._neurons(call, target) if isinstance(target, NeuronType) else target
        if isinstance(op, NengoNeurons):
            shown = f"{op.neuron_type}" if op.gain == 1 else f"{op.neuron_type}, gain {op.gain:g}"
            own = isinstance(op.neuron_type, SignedIntegrateAndFire)
            spiking = "spiking" if own else "activation-swapped" if swapped else "nengo-neurons"
            self.outcomes[call.name] = (spiking, shown)
        elif swapped:
            self.outcomes[call.name] = ("activation-swapped", "linear" if op is None else _function_name(op))
        return [] if op is None else [op]

    def _neurons(self, call: LayerCall, neuron_type: NeuronType) -> NengoNeurons:
        """Return the population, with its gain times the layer's scale and its amplitude divided by it."""
        scale = self._converter.scale_of(call.name)
        if scale is None or scale == 1:
            return NengoNeurons(neuron_type=neuron_type)
        if not hasattr(neuron_type, "amplitude"):
            self.scaled_without_amplitude.append(call.name)
            self.warnings.append(
                "Firing rate scaling being applied to activation type that does not support amplitude "
                f"({type(neuron_type).__name__}); this will change the output"
            )
            return NengoNeurons(neuron_type=neuron_type, gain=scale)
        return NengoNeurons(neuron_type=with_amplitude(neuron_type, scale), gain=scale)

    def _averaged(self, call: LayerCall) -> LayerCall:
        """Return a max pooling as an average pooling, where that was asked for."""
        if not (self._converter.max_to_avg_pool and "Max" in call.layer_type and "Pooling" in call.layer_type):
            return call
        self.outcomes[call.name] = ("max-pool-averaged", "max_to_avg_pool=True")
        return replace(call, layer_type=call.layer_type.replace("Max", "Average"))

    def _tensor_node(self, call: LayerCall, op: Op) -> None:
        """Warn of a tensor node in the words of NengoDL, or refuse it."""
        if isinstance(op.op if isinstance(op, OverTime) else op, MaxPool):
            message = (
                "Cannot convert max pooling layers to native Nengo objects; consider setting max_to_avg_pool=True to "
                "use average pooling instead"
            )
        elif isinstance(op, (Activation, HostFunction)):
            name = _function_name(op)
            if not self._converter.allow_fallback:
                self._refuse(call, f"Unsupported activation type ({name})")
                return
            warning = f"Activation type {name} does not have a native Nengo equivalent; falling back to a TensorNode"
            self.warnings.append(warning)
            self.outcomes[call.name] = ("tensor-node", name)
            return
        else:
            message = f"Layer type {call.layer_type} does not have a registered converter"
        self._fall_back(call, message)

    def _fall_back(self, call: LayerCall, message: str, allowed: bool = True) -> None:
        if allowed and self._converter.allow_fallback:
            self.warnings.append(f"{message}. Falling back to TensorNode.")
            self.outcomes[call.name] = ("tensor-node", message)
            return
        instead = "set allow_fallback=True if you would like to use a TensorNode instead, or " if allowed else ""
        self._refuse(
            call,
            f"{message}. Unable to convert layer '{call.name}' to native Nengo objects; {instead}consider registering "
            "a custom LayerConverter for this layer type.",
        )

    def _refuse(self, call: LayerCall, message: str) -> None:
        """Remember a refusal; the graph is made to the end, so that all of them are raised together."""
        self.refused[call.name] = message
        self.outcomes[call.name] = ("no-native-form", message)

    def _whole_layer(self, call: LayerCall, live: LiveCall | None, reason: UnsupportedLayerError) -> tuple[Op, ...]:
        """Return the live layer as a tensor node: what stands in for anything that has no handler."""
        if call.layer_type == "Concatenate" and call.config.get("axis") == 0:
            self._fall_back(call, "Cannot concatenate along batch dimension (axis 0)", allowed=False)
            raise UnsupportedLayerError("no-native-form", self.refused[call.name])
        if live is None or self._converter.temporal_model:
            raise reason
        if reason.code == "unknown-layer":
            message = f"Layer type {call.layer_type} does not have a registered converter"
        else:
            message = f"{call.name} ({call.layer_type}): {REASONS[reason.code].what} {reason.detail}".rstrip()
        shape = _sample_shape(live, 1)
        self._fall_back(call, message)
        return (HostFunction(function=_called_as_in(live), shape=shape),)

    def _custom(self, call: LayerCall, live: LiveCall) -> tuple[Op, ...]:
        """Return what a user's own LayerConverter makes of its layer."""
        converter = self._converter.get_converter(live.layer)
        possible, why = converter.convertible(live.layer, self._converter)
        if not possible:
            self._fall_back(call, why, allowed=converter.allow_fallback)
            return (HostFunction(function=_called_as_in(live), shape=_sample_shape(live, 1)),)
        shape = _sample_shape(live, 2 if self._converter.temporal_model else 1)

        def activate(activation: Any) -> Op | None:
            key = activation_key(activation)
            ops = self._activated(call, Activation(function=key) if isinstance(key, str) else key)
            op = ops[0] if ops else None
            if op is not None and not isinstance(op, NengoNeurons):
                self._tensor_node(call, op)
            self.outcomes[call.name] = ("custom-converter", type(converter).__name__)
            return op

        def make(objects: Sequence[Any]) -> Any:
            converter.places[live.use] = Place(
                name=call.name,
                objects=tuple(objects),
                inputs=call.input_shapes,
                output=shape,
                activate=activate,
                synapse=self._converter.synapse,
            )
            return converter.convert(live.use)

        self.outcomes[call.name] = ("custom-converter", type(converter).__name__)
        return (CustomObject(make=make, shape=shape),)


def _is_of_keras(layer: Any) -> bool:
    return type(layer).__module__.split(".")[0] == "keras"


def _of_known_type(call: LayerCall, live: LiveCall | None) -> tuple[LayerCall, bool]:
    """Return the call, and whether its type is one of Keras's: a subclass with the same ``call`` goes by its parent's.

    A class of the user's own may be called Dense and compute something else.
    """
    if live is None or _is_of_keras(live.layer):
        return call, True
    for cls in type(live.layer).__mro__[1:]:
        if cls.__module__.split(".")[0] == "keras" and cls.__name__ in LAYERS:
            same = getattr(cls, "call", None) is getattr(type(live.layer), "call", None)
            return replace(call, layer_type=cls.__name__ if same else type(live.layer).__name__), same
    return replace(call, layer_type=type(live.layer).__name__), False


def _activates_its_output(layer_type: str) -> bool:
    """Say whether a layer's ``activation`` is the last thing that it computes; recurrent layers use theirs inside."""
    convolution = "Conv" in layer_type and "LSTM" not in layer_type
    return convolution or layer_type in ("Activation", "Dense", "EinsumDense") or "LocallyConnected" in layer_type


def _function_name(op: Op) -> str:
    if isinstance(op, Activation):
        return op.function
    function = getattr(op, "function", None)
    return str(getattr(function, "__name__", function))


def _sample_shape(live: LiveCall, leading: int) -> Shape:
    shape = tuple(live.tensors[0].shape[leading:])
    if any(n is None for n in shape):
        raise UnsupportedLayerError("shape-mismatch", f"expected a layer whose output has a fixed shape, found {shape}")
    return tuple(int(n) for n in shape)


def _called_as_in(live: LiveCall) -> Callable[..., Any]:
    """Return a function that calls the layer as the model does, with all its arguments."""
    tensors = live.node.input_tensors

    def function(*values: Any) -> Any:
        args, kwargs = live.node.arguments.fill_in({id(t): v for t, v in zip(tensors, values, strict=True)})
        return live.layer(*args, **kwargs)

    return function
