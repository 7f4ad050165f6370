"""Keras, imported quietly: TensorFlow's native code writes start-up messages that are none of the user's business."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .ops.base import Array

__all__ = ["as_array", "import_keras"]


def import_keras(name: str = "keras") -> Any:
    """Return Keras (or tf_keras), imported when it is first needed.

    Warnings and errors of Python code are seen as ever; only what native code writes to the standard error stream while
    the library starts is dropped.
    """
    if name in sys.modules:
        return sys.modules[name]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _native_stderr_dropped():
        return importlib.import_module(name)


def as_array(tensor: Any) -> Array:
    """Return a tensor of whichever library computes for Keras as an array; torch may have it on a GPU, in a graph."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
    return np.asarray(tensor)


@contextmanager
def _native_stderr_dropped() -> Iterator[None]:
    """Point file descriptor 2 at nothing for a while; Python's own stream goes on to the old place."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no such descriptor: a service without a terminal
        yield
        return
    stream = sys.stderr
    try:
        with open(os.devnull, "w") as nothing, os.fdopen(os.dup(kept), "w", buffering=1) as python_stream:
            os.dup2(nothing.fileno(), 2)
            if stream is sys.__stderr__:
                sys.stderr = python_stream
            try:
                yield
            finally:
                sys.stderr = stream
                os.dup2(kept, 2)
    finally:
        os.close(kept)
