"""Gradient centralisation: any optimizer of Keras, with the mean taken off each gradient."""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["centralised"]


def centralised(optimizer: Any) -> Any:
    """Return an optimizer of the same kind and settings that takes the mean off the gradients first.

    For weights of two axes or more it is the mean over all but the last, the outputs: Yong et al. 2020, "Gradient
    Centralization: A New Optimization Technique for Deep Neural Networks". A model is saved with the plain optimizer.
    """
    kind = type(optimizer)

    class Centralised(kind):  # type: ignore[misc, valid-type]  # a class that is known at run time only
        def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
            return super().apply([_centred(g) for g in grads], trainable_variables)

    Centralised.__name__ = Centralised.__qualname__ = kind.__name__
    Centralised.__module__ = kind.__module__
    return Centralised.from_config(optimizer.get_config())


def _centred(gradient: Any) -> Any:
    if gradient is None or len(gradient.shape) < 2:
        return gradient
    return gradient - ops.mean(gradient, axis=tuple(range(len(gradient.shape) - 1)), keepdims=True)
