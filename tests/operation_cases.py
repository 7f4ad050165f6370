"""Operations among the layers, each in several configurations: those of keras.ops, and TensorFlow's in tf_keras."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras import activations, ops

CHANNELS = np.array([0.5, -1.0, 2.0, 0.25, -0.75], np.float32)
ROWS = np.arange(4, dtype=np.float32).reshape(4, 1)
NUMBERS = itertools.count()


@dataclass(frozen=True, eq=False)
class OperationCase:
    """An operation on two tensors z and y of the shape (batch, 4, 5).

    Attributes
    ----------
    operation
        Its name in the table of the operations or in that of the functions.
    words
        What the refusal says; "" for what is converted.
    """

    operation: str
    apply: Callable[[Any, Any], Any]
    library: ModuleType = keras
    words: str = ""
    number: int = field(default_factory=lambda: next(NUMBERS))

    @property
    def id(self) -> str:
        return f"{self.library.__name__}-{self.operation}-{self.number}"

    @property
    def sources(self) -> tuple[str, ...]:
        return ("live", ".h5", ".keras") if self.library is keras else ("live", ".h5")


def several(operation: str, *applied: Callable[[Any, Any], Any], library: ModuleType) -> list[OperationCase]:
    return [OperationCase(operation, apply, library) for apply in applied]


def of_keras(operation: str, *applied: Callable[[Any, Any], Any]) -> list[OperationCase]:
    return several(operation, *applied, library=keras)


def of_tensorflow(operation: str, *applied: Callable[[Any, Any], Any]) -> list[OperationCase]:
    return several(operation, *applied, library=tf_keras)


def positive(z: Any) -> Any:
    return ops.abs(z) + 0.5


KERAS = [
    *of_keras(
        "add",
        lambda z, y: z + y,
        lambda z, y: z + 1.5,
        lambda z, y: 1 + z,
        lambda z, y: ops.add(z, CHANNELS),
        lambda z, y: ops.add(ROWS, z),
        lambda z, y: ops.add(z, CHANNELS.reshape(1, 1, 5)),
        lambda z, y: z + z,
        lambda z, y: z + y[:, :1],
    ),
    *of_keras(
        "subtract",
        lambda z, y: z - y,
        lambda z, y: z - 0.25,
        lambda z, y: 0.25 - z,
        lambda z, y: ops.subtract(CHANNELS, z),
        lambda z, y: ops.subtract(z, ROWS),
    ),
    *of_keras(
        "multiply",
        lambda z, y: z * y,
        lambda z, y: z * 3,
        lambda z, y: 0.5 * z,
        lambda z, y: ops.multiply(z, CHANNELS),
        lambda z, y: ops.multiply(ROWS, z),
    ),
    *of_keras("divide", lambda z, y: z / 3, lambda z, y: ops.divide(z, CHANNELS), lambda z, y: ops.true_divide(z, 0.5)),
    *of_keras("negative", lambda z, y: -z, lambda z, y: ops.negative(z)),
    *of_keras(
        "maximum",
        lambda z, y: ops.maximum(z, y),
        lambda z, y: ops.maximum(z, 0.1),
        lambda z, y: ops.maximum(-0.2, z),
        lambda z, y: ops.maximum(z, CHANNELS),
    ),
    *of_keras(
        "minimum",
        lambda z, y: ops.minimum(z, y),
        lambda z, y: ops.minimum(z, 0.1),
        lambda z, y: ops.minimum(-0.2, z),
        lambda z, y: ops.minimum(ROWS, z),
    ),
    *of_keras(
        "clip",
        lambda z, y: ops.clip(z, -0.5, 0.6),
        lambda z, y: ops.clip(z, x_min=0, x_max=1),
        lambda z, y: ops.clip(z, 0.25, 0.5),
    ),
    *of_keras(
        "concatenate",
        lambda z, y: ops.concatenate([z, y], axis=-1),
        lambda z, y: ops.concatenate([z, y, z], axis=1),
        lambda z, y: ops.concatenate((z, y[:, 1:]), -2),
    ),
    *of_keras(
        "mean",
        lambda z, y: ops.mean(z, axis=-1),
        lambda z, y: ops.mean(z, 1, True),
        lambda z, y: ops.mean(z, axis=[1, 2]),
        lambda z, y: ops.mean(z, axis=(1, -1), keepdims=True),
    ),
    *of_keras(
        "sum",
        lambda z, y: ops.sum(z, axis=1),
        lambda z, y: ops.sum(z, -1, keepdims=True),
        lambda z, y: ops.sum(z, axis=(1, 2)),
    ),
    *of_keras("max", lambda z, y: ops.max(z, axis=1), lambda z, y: ops.amax(z, [1, 2], keepdims=True)),
    *of_keras("min", lambda z, y: ops.min(z, axis=-1), lambda z, y: ops.amin(z, 1, keepdims=True)),
    *of_keras(
        "get_item",
        lambda z, y: z[:, 1:3],
        lambda z, y: z[:, ::2, 1:],
        lambda z, y: z[:, ::-1],
        lambda z, y: z[:, -3:-1, :2],
        lambda z, y: z[:, 2],
        lambda z, y: z[:, -1],
        lambda z, y: z[:, 1, ::2],
        lambda z, y: z[:, 1:, -2],
        lambda z, y: z[..., 1:3],
        lambda z, y: z[:, ..., 0],
        lambda z, y: z[:, None],
        lambda z, y: z[:, 1:, None, ::2],
        lambda z, y: z[:, 3, None],
        lambda z, y: z[..., None],
    ),
    *of_keras(
        "reshape",
        lambda z, y: ops.reshape(z, (-1, 20)),
        lambda z, y: ops.reshape(z, [-1, 2, 10]),
        lambda z, y: ops.reshape(z, newshape=(-1, 5, 1, 4)),
    ),
    *of_keras(
        "expand_dims",
        lambda z, y: ops.expand_dims(z, 1),
        lambda z, y: ops.expand_dims(z, axis=-1),
        lambda z, y: ops.expand_dims(z, 2),
    ),
    *of_keras(
        "squeeze",
        lambda z, y: ops.squeeze(z[:, :1], 1),
        lambda z, y: ops.squeeze(z[:, :1], axis=-2),
        lambda z, y: ops.squeeze(z[..., None]),
        lambda z, y: ops.squeeze(z[:, :1, :1], axis=(1, 2)),
    ),
    *of_keras(
        "transpose",
        lambda z, y: ops.transpose(z, (0, 2, 1)),
        lambda z, y: ops.transpose(z[:, None], axes=[0, 3, 1, 2]),
    ),
    *of_keras("identity", lambda z, y: ops.stop_gradient(z)),
    *of_keras("absolute", lambda z, y: ops.abs(z), lambda z, y: abs(z)),
    *of_keras("square", lambda z, y: ops.square(z)),
    *of_keras("sqrt", lambda z, y: ops.sqrt(positive(z))),
    *of_keras("rsqrt", lambda z, y: ops.rsqrt(positive(z))),
    *of_keras("log", lambda z, y: ops.log(positive(z))),
    *of_keras("exponential", lambda z, y: ops.exp(z)),
    *of_keras("sin", lambda z, y: ops.sin(z)),
    *of_keras("cos", lambda z, y: ops.cos(z)),
    *of_keras(
        "relu",
        lambda z, y: ops.relu(z),
        lambda z, y: activations.relu(z, negative_slope=0.2, max_value=0.7),
        lambda z, y: activations.relu(z, threshold=0.1),
    ),
    *of_keras("relu6", lambda z, y: ops.relu6(4 * z)),
    *of_keras("leaky_relu", lambda z, y: ops.leaky_relu(z), lambda z, y: ops.leaky_relu(z, negative_slope=0.4)),
    *of_keras("softmax", lambda z, y: ops.softmax(z), lambda z, y: ops.softmax(z, axis=1)),
    *of_keras("log_softmax", lambda z, y: ops.log_softmax(z), lambda z, y: ops.log_softmax(z, 1)),
    *of_keras("sigmoid", lambda z, y: ops.sigmoid(z)),
    *of_keras("log_sigmoid", lambda z, y: ops.log_sigmoid(z)),
    *of_keras("hard_sigmoid", lambda z, y: ops.hard_sigmoid(4 * z)),
    *of_keras("tanh", lambda z, y: ops.tanh(z)),
    *of_keras("hard_tanh", lambda z, y: ops.hard_tanh(z)),
    *of_keras("tanh_shrink", lambda z, y: ops.tanh_shrink(z)),
    *of_keras("softplus", lambda z, y: ops.softplus(z)),
    *of_keras("softsign", lambda z, y: ops.softsign(z)),
    *of_keras("elu", lambda z, y: ops.elu(z), lambda z, y: ops.elu(z, 0.4)),
    *of_keras("celu", lambda z, y: ops.celu(z), lambda z, y: ops.celu(z, alpha=0.4)),
    *of_keras("selu", lambda z, y: ops.selu(z)),
    *of_keras("gelu", lambda z, y: ops.gelu(z), lambda z, y: ops.gelu(z, approximate=False)),
    *of_keras("silu", lambda z, y: ops.silu(z), lambda z, y: ops.swish(z)),
    *of_keras("hard_silu", lambda z, y: ops.hard_silu(4 * z), lambda z, y: ops.hard_swish(4 * z)),
    *of_keras("squareplus", lambda z, y: ops.squareplus(z), lambda z, y: ops.squareplus(z, b=1)),
]

TENSORFLOW = [
    *of_tensorflow(
        "add",
        lambda z, y: z + y,
        lambda z, y: z + 1.5,
        lambda z, y: np.float32(2) + z,
        lambda z, y: tf.add(z, y=CHANNELS),
        lambda z, y: tf.math.add(tf.constant(ROWS), z),
    ),
    *of_tensorflow(
        "subtract",
        lambda z, y: z - y,
        lambda z, y: 0.25 - z,
        lambda z, y: tf.subtract(x=CHANNELS, y=z),
        lambda z, y: tf.math.subtract(z, 1),
    ),
    *of_tensorflow(
        "multiply",
        lambda z, y: z * y,
        lambda z, y: 3 * z,
        lambda z, y: tf.multiply(z, CHANNELS),
        lambda z, y: tf.constant(ROWS) * z,
    ),
    *of_tensorflow(
        "divide", lambda z, y: z / 3, lambda z, y: tf.divide(z, CHANNELS), lambda z, y: tf.math.truediv(z, 0.5)
    ),
    *of_tensorflow("negative", lambda z, y: -z, lambda z, y: tf.negative(z)),
    *of_tensorflow(
        "maximum",
        lambda z, y: tf.maximum(z, y),
        lambda z, y: tf.maximum(0.1, z),
        lambda z, y: tf.math.maximum(z, CHANNELS),
    ),
    *of_tensorflow("minimum", lambda z, y: tf.minimum(z, y), lambda z, y: tf.minimum(z, 0.1)),
    *of_tensorflow(
        "clip",
        lambda z, y: tf.clip_by_value(z, -0.5, 0.6),
        lambda z, y: tf.clip_by_value(z, clip_value_min=0.0, clip_value_max=1.0),
    ),
    *of_tensorflow(
        "concatenate",
        lambda z, y: tf.concat([z, y], -1),
        lambda z, y: tf.concat(values=[z, y, z], axis=1),
        lambda z, y: tf_keras.backend.concatenate([z, y], axis=-2),
    ),
    *of_tensorflow(
        "mean",
        lambda z, y: tf.reduce_mean(z, axis=-1, keepdims=True),
        lambda z, y: tf.reduce_mean(z, [1, 2]),
        lambda z, y: tf_keras.backend.mean(z, axis=1),
    ),
    *of_tensorflow("sum", lambda z, y: tf.reduce_sum(z, 1), lambda z, y: tf.math.reduce_sum(z, axis=(1, 2))),
    *of_tensorflow("max", lambda z, y: tf.reduce_max(z, 1, True), lambda z, y: tf.reduce_max(z, axis=-1)),
    *of_tensorflow("min", lambda z, y: tf.reduce_min(z, axis=[1, -1])),
    *of_tensorflow(
        "get_item",
        lambda z, y: z[:, 1:3],
        lambda z, y: z[:, ::2, 1:],
        lambda z, y: z[:, ::-1],
        lambda z, y: z[:, -1],
        lambda z, y: z[:, 1:, 2],
        lambda z, y: z[..., 1:3],
        lambda z, y: z[:, tf.newaxis],
        lambda z, y: z[..., 0, tf.newaxis],
    ),
    *of_tensorflow("reshape", lambda z, y: tf.reshape(z, (-1, 20)), lambda z, y: tf.reshape(z, shape=[-1, 2, 10])),
    *of_tensorflow("expand_dims", lambda z, y: tf.expand_dims(z, 1), lambda z, y: tf.expand_dims(z, axis=-1)),
    *of_tensorflow(
        "squeeze",
        lambda z, y: tf.squeeze(tf.expand_dims(z, -1)),
        lambda z, y: tf.squeeze(tf.expand_dims(z, 1), axis=[1]),
    ),
    *of_tensorflow("flatten", lambda z, y: tf_keras.backend.batch_flatten(z)),
    *of_tensorflow(
        "transpose",
        lambda z, y: tf.transpose(z, (0, 2, 1)),
        lambda z, y: tf.transpose(z, perm=[0, 2, 1]),
        lambda z, y: tf_keras.backend.permute_dimensions(z, (0, 2, 1)),
    ),
    *of_tensorflow("identity", lambda z, y: tf.identity(z), lambda z, y: tf.stop_gradient(z)),
    *of_tensorflow("absolute", lambda z, y: tf.abs(z)),
    *of_tensorflow("square", lambda z, y: tf.square(z)),
    *of_tensorflow("sqrt", lambda z, y: tf.sqrt(tf.abs(z) + 0.5)),
    *of_tensorflow("rsqrt", lambda z, y: tf.math.rsqrt(tf.abs(z) + 0.5)),
    *of_tensorflow("log", lambda z, y: tf.math.log(tf.abs(z) + 0.5)),
    *of_tensorflow("exponential", lambda z, y: tf.exp(z)),
    *of_tensorflow("sin", lambda z, y: tf.sin(z)),
    *of_tensorflow("cos", lambda z, y: tf.cos(z)),
    *of_tensorflow(
        "relu",
        lambda z, y: tf.nn.relu(z),
        lambda z, y: tf.nn.relu(z, name="named"),
        lambda z, y: tf_keras.activations.relu(z, alpha=0.2, max_value=0.7),
    ),
    *of_tensorflow("relu6", lambda z, y: tf.nn.relu6(4 * z)),
    *of_tensorflow("leaky_relu", lambda z, y: tf.nn.leaky_relu(z), lambda z, y: tf.nn.leaky_relu(z, alpha=0.4)),
    *of_tensorflow(
        "softmax",
        lambda z, y: tf.nn.softmax(z),
        lambda z, y: tf.nn.softmax(z, axis=1),
        lambda z, y: tf.nn.softmax(z, axis=None),
    ),
    *of_tensorflow("log_softmax", lambda z, y: tf.nn.log_softmax(z, 1)),
    *of_tensorflow("sigmoid", lambda z, y: tf.sigmoid(z)),
    *of_tensorflow("log_sigmoid", lambda z, y: tf.math.log_sigmoid(z)),
    *of_tensorflow("tanh", lambda z, y: tf.tanh(z)),
    *of_tensorflow("softplus", lambda z, y: tf.nn.softplus(z)),
    *of_tensorflow("softsign", lambda z, y: tf.nn.softsign(z)),
    *of_tensorflow("elu", lambda z, y: tf.nn.elu(z)),
    *of_tensorflow("selu", lambda z, y: tf.nn.selu(z)),
    *of_tensorflow("gelu", lambda z, y: tf.nn.gelu(z), lambda z, y: tf.nn.gelu(z, True)),
    *of_tensorflow("silu", lambda z, y: tf.nn.swish(z)),
]

OPERATION_CASES = (*KERAS, *TENSORFLOW)

OPERATION_LAYERS = frozenset({"ops.*", "TFOpLambda", "SlicingOpLambda"})
"""The names under which the layer registry holds what these cases try."""

NO_OPERATION = ("linear", "mish", "hard_sigmoid_keras2", "hard_swish", "swish")
"""Functions that are an Activation layer's only, or another name: Keras has no operation that is called so."""

REFUSED_OPERATIONS = (
    OperationCase("matmul", lambda z, y: ops.matmul(z, CHANNELS), words="the operation ops.Matmul; takes absolute"),
    OperationCase("power", lambda z, y: z**3, words="the operation ops.Power; takes"),
    OperationCase("divide", lambda z, y: z / y, words="a divisor that is not a constant"),
    OperationCase("divide", lambda z, y: 1 / z, words="a divisor that is not a constant"),
    OperationCase("divide", lambda z, y: z / np.array([0, 1, 1, 1, 1], np.float32), words="numbers other than 0"),
    OperationCase("get_item", lambda z, y: z[0], words="takes ':' for the batch"),
    OperationCase("get_item", lambda z, y: z[None, :], words="takes ':' for the batch"),
    OperationCase("reshape", lambda z, y: ops.reshape(z, (-1, 10)), words=r"takes -1 for the batch and 20 values"),
    OperationCase("reshape", lambda z, y: ops.reshape(z, (-1,)), words=r"shape=\(?\[?-1"),
    OperationCase("transpose", lambda z, y: ops.transpose(z, (1, 0, 2)), words="takes all axes, the batch first"),
    OperationCase("transpose", lambda z, y: ops.transpose(z), words="takes all axes, the batch first"),
    OperationCase("mean", lambda z, y: ops.mean(z), words="axis=None, which puts samples together"),
    OperationCase("sum", lambda z, y: ops.sum(z, axis=0), words="axis=0; takes axes other than the batch"),
    OperationCase("max", lambda z, y: ops.max(z, axis=1, initial=0.5), words="initial=0.5; takes none"),
    OperationCase("softmax", lambda z, y: ops.softmax(z, axis=None), words="axis=None, which puts samples together"),
    OperationCase("concatenate", lambda z, y: ops.concatenate([z, y], 0), words="axes other than the batch"),
    OperationCase("expand_dims", lambda z, y: ops.expand_dims(z, 0), words="axes other than the batch"),
    OperationCase("add", lambda z, y: z + np.ones((3, 4, 5), np.float32), words="beside the batch"),
    OperationCase("matmul", lambda z, y: tf.matmul(z, y, transpose_b=True), tf_keras, "the operation linalg.matmul"),
    OperationCase("divide", lambda z, y: z / y, tf_keras, "a divisor that is not a constant"),
    OperationCase("get_item", lambda z, y: z[0], tf_keras, "takes ':' for the batch"),
    OperationCase("reshape", lambda z, y: tf.reshape(z, (-1, 10)), tf_keras, "takes -1 for the batch and 20 values"),
    OperationCase("silu", lambda z, y: tf.nn.silu(z, beta=2.0), tf_keras, "beta=2.0; takes none"),
    OperationCase("sum", lambda z, y: tf.reduce_sum(z), tf_keras, "axis=None, which puts samples together"),
)

PIECEWISE = {
    "absolute": lambda z: ops.abs(z),
    "clip": lambda z: ops.clip(z, -0.5, 0.6),
    "maximum": lambda z: ops.maximum(z, -0.3),
    "minimum": lambda z: ops.minimum(0.3, z),
    "maximum-of-channels": lambda z: ops.maximum(z, CHANNELS),
    "leaky_relu": lambda z: ops.leaky_relu(z, 0.3),
    "relu6": lambda z: ops.relu6(4 * z),
    "relu-with-everything": lambda z: activations.relu(z, negative_slope=0.2, max_value=0.7),
}
"""Functions of straight pieces, which neurons compute."""
