"""TimeDistributed and Embedding: layers over an axis of the sample that is data, not simulation time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..layer_call import LayerCall
from ..ops import Activation, Gather, Identity, Op, OverTime
from .arguments import needed_weight
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to"]


def embedding(call: LayerCall) -> tuple[Op, ...]:
    """Become rows of a table, which whole-number inputs name."""
    if call.config.get("mask_zero"):
        raise UnsupportedLayerError("unsupported-argument", "mask_zero=True; takes False")
    return (Gather(table=needed_weight(call, "embeddings", rank=2)),)


def time_distributed(call: LayerCall, layers: LayerRegistry) -> tuple[Op, ...]:
    """Become the inner layer at each place of the time axis."""
    inner = call.config.get("layer")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("class_name"), str):
        raise UnsupportedLayerError("unsupported-argument", "layer without a class_name; takes a layer")
    if len(call.input_shape) < 2:
        raise UnsupportedLayerError("shape-mismatch", f"expected a time axis, received {call.input_shape}")
    inside = replace(
        call,
        layer_type=inner["class_name"],
        config=inner.get("config", {}),
        input_shapes=tuple(shape[1:] for shape in call.input_shapes),
    )
    try:
        ops = layers.lower(inside)
    except UnsupportedLayerError as reason:
        detail = f"the {inside.layer_type} inside" + (f": {reason.detail}" if reason.detail else "")
        raise UnsupportedLayerError(reason.code, detail) from None
    return tuple(_over_time(op) for op in ops)


def add_to(layers: LayerRegistry) -> None:
    """Register the layers."""
    layers.register("Embedding")(embedding)
    layers.register_wrapper("TimeDistributed")(time_distributed)


def _over_time(op: Op) -> Op:
    if isinstance(op, Identity) or (isinstance(op, Activation) and "softmax" not in op.function):
        return op  # acts on each value, whatever the axes
    return OverTime(op=op)
