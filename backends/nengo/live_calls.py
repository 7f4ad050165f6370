"""The layer calls of a live Keras 3 model: which layer, which use, which tensors, under the names that readers give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...converter.sources.nesting import MODEL_TYPES

__all__ = ["LiveCall", "is_nested_model", "live_calls", "tensor_key"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LiveCall:
    """One use of one layer, or of a whole model as a layer.

    Attributes
    ----------
    name
        The name of the `LayerCall`: "encoder/conv1", "dense:1".
    chain
        The models around the layer from the outside in, then the layer itself.
    use
        Which use of the layer in its model, from 0.
    node
        Keras's record of it: its arguments and output tensors.
    ends
        The names of the layer calls whose outputs are the output tensors; several or another one for a nested model.
    """

    name: str
    chain: tuple[Any, ...]
    use: int
    node: Any
    ends: tuple[str, ...]

    @property
    def layer(self) -> Any:
        """Return the layer."""
        return self.chain[-1]

    @property
    def outer(self) -> bool:
        """Say whether it is a use in the model itself, not inside one of its models."""
        return len(self.chain) == 1

    @property
    def tensors(self) -> tuple[Any, ...]:
        """Return the output tensors."""
        return tuple(self.node.outputs)


def is_nested_model(layer: Any) -> bool:
    """Say whether a layer is a model whose layers are converted one by one."""
    return type(layer).__name__ in MODEL_TYPES and bool(getattr(layer, "layers", None))


def tensor_key(tensor: Any) -> tuple[int, int, int] | None:
    """Return what tells Keras tensors apart, None for something that is no Keras tensor."""
    history = getattr(tensor, "_keras_history", None)
    return None if history is None else (id(history.operation), history.node_index, history.tensor_index)


def live_calls(model: Any) -> list[LiveCall]:
    """Return every layer call of a functional model, those inside nested models included."""
    calls: list[LiveCall] = []
    _walk(model, (), (), None, calls)
    return calls


def _walk(
    model: Any,
    path: tuple[str, ...],
    chain: tuple[Any, ...],
    fed: Callable[[int], str] | None,
    calls: list[LiveCall],
) -> Callable[[Any], str]:
    """Add a model's calls and return the function that names the call behind a tensor of the model."""
    inner = getattr(model, "_functional", None) or model  # a Sequential keeps its graph in there
    kept = _nodes_of(inner)
    inputs = {tensor_key(tensor): place for place, tensor in enumerate(inner.inputs)}
    names: dict[tuple[int, int, int] | None, str] = {}

    def end_of(tensor: Any) -> str:
        return names[tensor_key(tensor)]

    # operations come in an order in which they can be computed, but a shared layer's later uses may read later ones:
    # first name all tensors that a layer makes itself, then those that nested models make, from the inside
    places = [
        (op, use, index)
        for op in inner.operations
        for use, index in enumerate(i for i, node in enumerate(op._inbound_nodes) if id(node) in kept)
    ]
    for op, use, index in places:
        for place, tensor in enumerate(op._inbound_nodes[index].outputs):
            key = (id(op), index, place)
            if tensor_key(tensor) in inputs:
                names[key] = fed(inputs[tensor_key(tensor)]) if fed else _name(path, op, use)
            elif not is_nested_model(op):
                names[key] = _name(path, op, use)
    found: list[LiveCall] = []
    for op, use, index in places:
        node = op._inbound_nodes[index]
        if is_nested_model(op):
            numbered = (*path, f"{op.name}:{use}" if use else op.name)
            arguments = node.input_tensors
            named = _walk(op, numbered, (*chain, op), lambda i, a=arguments: end_of(a[i]), calls)  # type: ignore[misc]
            ends = tuple(named(tensor) for tensor in (getattr(op, "_functional", None) or op).outputs)
            names.update({(id(op), index, place): end for place, end in enumerate(ends)})
        else:
            ends = tuple(names[(id(op), index, place)] for place in range(len(node.outputs)))
        if fed is None or type(op).__name__ != "InputLayer":
            found.append(LiveCall(name=_name(path, op, use), chain=(*chain, op), use=use, node=node, ends=ends))
    calls += found
    return end_of


def _name(path: tuple[str, ...], op: Any, use: int) -> str:
    return "/".join((*path, op.name)) + (f":{use}" if use else "")


def _nodes_of(model: Any) -> set[int]:
    """Return the ids of Keras's nodes that the outputs of a functional model need."""
    inputs = {tensor_key(tensor) for tensor in model.inputs}
    kept: set[int] = set()
    waiting = [*model.outputs, *model.inputs]
    while waiting:
        tensor = waiting.pop()
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(node) not in kept:
            kept.add(id(node))
            if tensor_key(tensor) not in inputs:
                waiting += node.input_tensors
    return kept
