"""The sparse matrix of a linear op does to any sample what the op does, but for the bias."""

from __future__ import annotations

import numpy as np
import pytest

from graphs import random
from linear_ops import LINEAR_OPS, matrix_of
from spikeport.backends.sparse_map import sparse_map

each_op = pytest.mark.parametrize("op, shape", LINEAR_OPS.values(), ids=LINEAR_OPS)


@each_op
def test_the_matrix_computes_what_the_op_does(op, shape):
    x = random(3, *shape).astype(np.float64)
    matrix = sparse_map(op, shape)
    assert matrix.shape == (np.prod(op.output_shape(shape)), np.prod(shape))
    expected = op.apply(x) - op.apply(np.zeros_like(x))
    np.testing.assert_allclose((matrix @ x.reshape(3, -1).T).T, expected.reshape(3, -1), atol=1e-12)


@each_op
def test_the_matrix_holds_no_zeros(op, shape):
    matrix = sparse_map(op, shape)
    assert matrix.nnz == np.count_nonzero(matrix.toarray()) == np.count_nonzero(matrix_of(op, shape))
