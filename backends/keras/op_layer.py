"""OpLayer: one node of the graph as a Keras layer, with the op's arrays as weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from ...converter.ops import Array, AtEachStep, AxisMap, HostLayer, Op, is_gate
from ...converter.storage import op_from_json, op_to_json
from .gate import pass_winners
from .ops import forward

__all__ = ["OpLayer", "merged", "separated"]

_TRAINED = ("kernel", "bias", "scale", "shift", "alpha", "table")
_NESTED = "array_"  # begins the name of an array that is no field by itself: that of an op inside an op


@keras.saving.register_keras_serializable(package="spikeport")
class OpLayer(keras.layers.Layer):
    """What an op does at all steps: ``(batch, steps, *shape)`` for each input, or ``(batch, *shape)`` if constant.

    Linear ops act at each step; others on running means (`as_rate_domain`), so that the mean of what they put out is
    the op of the mean.

    Parameters
    ----------
    node
        The node's name in the graph.
    op
        The op, or what `get_config` made of it.
    moving
        Of each input, whether it has a time axis.
    """

    def __init__(self, node: str, op: Op | dict[str, Any], moving: list[bool], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.node = node
        self.moving = [bool(m) for m in moving]
        arrays: dict[str, Array] = {}
        self._json = op if isinstance(op, dict) else {**op_to_json(op, arrays), "shapes": {}}
        if arrays:
            self._json["shapes"] = {name: [*a.shape] for name, a in arrays.items()}
        blank = {name: np.ones(shape, np.float32) for name, shape in self._json["shapes"].items()}
        self._arrays = {name: np.array(arrays.get(name, value)) for name, value in blank.items()}
        self.op = op_from_json(self._json, self._arrays.__getitem__)
        self._by_array: dict[int, Any] = {}
        self._inner: Any = self.op._keras_layer if isinstance(self.op, HostLayer) else None

    def build(self, input_shape: Any) -> None:
        """Make a weight of each array."""
        for name, array in self.named_arrays().items():
            weight = self.add_weight(name=name, shape=array.shape, initializer="zeros", trainable=self.trains(name))
            weight.assign(array)
            self._by_array[id(array)] = weight
        self.built = True

    def named_arrays(self) -> dict[str, Array]:
        """Return the op's arrays by field; those inside other fields by their number. A host layer has its own."""
        fields = {id(getattr(self.op, f.name)): f.name for f in dataclasses.fields(self.op)}
        own = {} if self._inner is not None else self._arrays
        return {fields.get(id(array), _NESTED + number): array for number, array in own.items()}

    def trains(self, name: str) -> bool:
        """Say whether an array is trained."""
        return name in _TRAINED or (name.startswith(_NESTED) and not isinstance(self.op, AxisMap))

    def trained_op(self) -> Op:
        """Return the op with the weights as they are now."""
        if isinstance(self.op, HostLayer):
            values = (np.asarray(w) for w in self._inner.get_weights())
            return dataclasses.replace(self.op, weights=dict(zip(self.op.weights, values, strict=True)))
        now = {number: self.array_now(array) for number, array in self._arrays.items()}
        return op_from_json(self._json, now.__getitem__)

    def array_now(self, array: Array) -> Array:
        """Return what became of an array of the op."""
        return np.asarray(ops.convert_to_numpy(self._by_array[id(array)])).astype(array.dtype)

    def tensor(self, array: Any) -> Any:
        """Return the tensor that stands for an array of the op."""
        return None if array is None else ops.convert_to_tensor(self._by_array[id(array)])

    def apply(self, values: list[Any]) -> Any:
        """Return the op of values ``(batch, *shape)``."""
        if self._inner is not None:
            return self._inner(values[0] if len(values) == 1 else values, training=False)
        return forward(self.op, self.tensor, values)

    def call(self, inputs: Any) -> Any:
        """Return what the op puts out."""
        values = list(inputs) if len(self.moving) > 1 else [inputs]
        if not any(self.moving):
            return self.apply(values)
        n_steps = next(v.shape[1] for v, moving in zip(values, self.moving) if moving)
        full = [v if moving else repeated(v, n_steps) for v, moving in zip(values, self.moving)]
        if is_gate(self.op):
            sums = ops.cumsum(full[0], axis=1)
            return separated(pass_winners(self.op, merged(sums), merged(full[0])), n_steps)
        if self.op.linear or isinstance(self.op, AtEachStep):
            return separated(self.apply([merged(v) for v in full]), n_steps)
        counts = np.arange(1, n_steps + 1)

        def over_steps(v: Any) -> Any:
            return ops.cast(counts.reshape(1, -1, *(1,) * (v.ndim - 2)), v.dtype)

        means = [ops.cumsum(v, axis=1) / over_steps(v) for v in full]
        out = separated(self.apply([merged(m) for m in means]), n_steps)
        total = out * over_steps(out)
        return total - ops.pad(total[:, :-1], [(0, 0), (1, 0)] + [(0, 0)] * (total.ndim - 2))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        shapes = list(input_shape) if len(self.moving) > 1 else [input_shape]
        inner = [tuple(s[2:] if moving else s[1:]) for s, moving in zip(shapes, self.moving)]
        steps = [s[1] for s, moving in zip(shapes, self.moving) if moving]
        return (shapes[0][0], *steps[:1], *self.op.output_shape(*inner))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer; arrays as their shapes."""
        return {**super().get_config(), "node": self.node, "op": self._json, "moving": self.moving}


def repeated(x: Any, n_steps: int) -> Any:
    """Return a constant at each step."""
    return ops.repeat(x[:, None], n_steps, axis=1)


def merged(x: Any) -> Any:
    """Return batch and steps as one axis."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def separated(x: Any, n_steps: int) -> Any:
    """Return batch and steps as two axes again."""
    return ops.reshape(x, (-1, n_steps, *x.shape[1:]))
