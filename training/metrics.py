"""Accuracies of what neurons send or hold over the steps: ``(batch, steps, classes)``, with whole-number labels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .losses import steps_before_first_spike

__all__ = ["FirstSpikeAccuracy", "IntegralAccuracy", "SpikeCountAccuracy"]


class _Accuracy(keras.metrics.MeanMetricWrapper):
    """The share of samples whose class has the largest score."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(self._right, name=name, **kwargs)
        self._direction = "up"

    def _right(self, y_true: Any, y_pred: Any) -> Any:
        best = ops.argmax(self.scores(y_pred), axis=-1)
        return ops.cast(ops.equal(best, ops.cast(ops.reshape(y_true, (-1,)), best.dtype)), "float32")

    def scores(self, y_pred: Any) -> Any:
        """Return ``(batch, classes)``."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"name": self.name, "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="spikeport")
class SpikeCountAccuracy(_Accuracy):
    """The class with the most spikes wins."""

    def __init__(self, name: str = "spike_count_accuracy", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)

    def scores(self, y_pred: Any) -> Any:
        """Return the number of spikes."""
        return ops.sum(y_pred, axis=1)


@keras.saving.register_keras_serializable(package="spikeport")
class IntegralAccuracy(SpikeCountAccuracy):
    """The class with the largest sum over the steps wins, of a membrane for example."""

    def __init__(self, name: str = "integral_accuracy", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)


@keras.saving.register_keras_serializable(package="spikeport")
class FirstSpikeAccuracy(_Accuracy):
    """The class that fires first wins; the first of equals."""

    def __init__(self, name: str = "first_spike_accuracy", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)

    def scores(self, y_pred: Any) -> Any:
        """Return the negative number of steps before the first spike."""
        return -steps_before_first_spike(y_pred)
