"""A linear op as a transform of a nengo.Connection."""

from __future__ import annotations

import math
from typing import Any

import nengo
import numpy as np
from scipy import sparse

from ...converter.graph import Graph, Node
from ...converter.ops import Add, Array, Concatenate, Conv, Dense, Op, ScaleShift, Shape
from ...converter.ops.window import same_padding
from ..sparse_map import sparse_map

__all__ = ["offset", "transform"]


def transform(graph: Graph, node: Node, place: int) -> Any:
    """Return what a linear node does to its input number ``place``, without its bias."""
    op, shape = node.op, graph.nodes[node.inputs[place]].shape
    if isinstance(op, Dense):
        if len(shape) == 1:
            return op.kernel.T.astype(np.float64)
        rows = math.prod(shape[:-1])
        # the same kernel at each place: a convolution of window 1
        return _convolution(op.kernel[None].astype(np.float64), (rows, shape[-1]), (1,), "valid")
    if isinstance(op, Conv):
        return _conv_transform(op, shape)
    if isinstance(op, ScaleShift):
        return np.broadcast_to(op.scale.astype(np.float64), shape).reshape(-1)
    if isinstance(op, Add):
        return _add_transform(op, node.shape, place, shape)
    if isinstance(op, Concatenate):
        before = sum(graph.nodes[name].shape[op.axis] for name in node.inputs[:place])
        return _concatenate_transform(node.shape, op.axis, before, shape)
    return _sparse(op, shape)


def offset(graph: Graph, node: Node) -> Array:
    """Return what the op puts out for zeros, its bias, flattened."""
    zeros = (np.zeros((1, *graph.nodes[name].shape)) for name in node.inputs)
    return node.op.apply(*zeros).reshape(-1)


def _sparse(op: Op, shape: Shape) -> nengo.Sparse:
    matrix = sparse_map(op, shape)
    return nengo.Sparse(matrix.shape, init=sparse.coo_matrix(matrix))


def _convolution(kernel: Array, shape: Shape, strides: Shape, padding: str) -> nengo.Convolution:
    return nengo.Convolution(
        n_filters=kernel.shape[-1],
        input_shape=shape,
        kernel_size=kernel.shape[:-2],
        strides=strides,
        padding=padding,
        init=kernel,
    )


def _conv_transform(op: Conv, shape: Shape) -> Any:
    """Return nengo's convolution where it can express the op (1-2D, its two paddings), else the sparse matrix."""
    rank = len(op.window)
    same = op.padding == same_padding(shape[:-1], op.window, op.strides, op.dilation)
    valid = not any(map(sum, op.padding))
    if rank <= 2 and op.groups == 1 and set(op.dilation) == {1} and (same or valid):
        return _convolution(op.kernel.astype(np.float64), shape, op.strides, "valid" if valid else "same")
    return _sparse(op, shape)


def _add_transform(op: Add, target: Shape, place: int, shape: Shape) -> Any:
    factor = op.factors[place] if op.factors else 1.0
    if shape == target:
        return factor
    full = (1,) * (len(target) - len(shape)) + shape
    source = np.broadcast_to(np.arange(math.prod(shape)).reshape(full), target).reshape(-1)
    return _picked(source, np.arange(len(source)), factor, (len(source), math.prod(shape)))


def _concatenate_transform(target: Shape, axis: int, before: int, shape: Shape) -> nengo.Sparse:
    rows = np.arange(math.prod(target)).reshape(target)
    part = tuple(slice(before, before + shape[axis]) if i == axis else slice(None) for i in range(len(target)))
    landed = rows[part].reshape(-1)
    return _picked(np.arange(len(landed)), landed, 1.0, (math.prod(target), math.prod(shape)))


def _picked(columns: Array, rows: Array, factor: float, shape: tuple[int, int]) -> nengo.Sparse:
    indices = np.stack([rows, columns], axis=1)
    return nengo.Sparse(shape, indices=indices, init=np.full(len(rows), factor))
