"""Losses of what neurons send or hold over the steps: ``(batch, steps, classes)``, with whole-number labels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .surrogates import pseudo_gradient

__all__ = [
    "IntegralCrossEntropy",
    "MembraneCrossEntropy",
    "SpikeCountCrossEntropy",
    "SpikeCountMSE",
    "TimeToFirstSpikeCrossEntropy",
    "steps_before_first_spike",
]


class _OverSteps(keras.losses.Loss):
    """What the cross entropies share.

    Parameters
    ----------
    label_smoothing
        The share of the label that is spread over all classes.
    """

    def __init__(self, label_smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.label_smoothing = label_smoothing

    def _cross_entropy(self, labels: Any, logits: Any) -> Any:
        classes = logits.shape[-1]
        wanted = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), classes, dtype=logits.dtype)
        if logits.ndim == 3:
            wanted = wanted[:, None]
        wanted = wanted * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        return -ops.sum(wanted * ops.log_softmax(logits, axis=-1), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="spikeport")
class SpikeCountCrossEntropy(_OverSteps):
    """Cross entropy with the number of spikes of each class as its logit."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        return self._cross_entropy(y_true, ops.sum(y_pred, axis=1))


@keras.saving.register_keras_serializable(package="spikeport")
class IntegralCrossEntropy(_OverSteps):
    """Cross entropy with the mean over the steps, of a membrane for example, as logits.

    Parameters
    ----------
    scale
        What the mean is multiplied with; the number of steps makes it a sum.
    """

    def __init__(self, label_smoothing: float = 0.0, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(label_smoothing, **kwargs)
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        return self._cross_entropy(y_true, self.scale * ops.mean(y_pred, axis=1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="spikeport")
class MembraneCrossEntropy(_OverSteps):
    """Cross entropy at each step, of membranes or spikes as logits, averaged over the steps."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        return ops.mean(self._cross_entropy(y_true, y_pred), axis=1)


@keras.saving.register_keras_serializable(package="spikeport")
class SpikeCountMSE(keras.losses.Loss):
    """Mean squared distance of the share of steps with a spike to one share for the right class, another for others.

    Parameters
    ----------
    correct_rate, incorrect_rate
        Spikes a step.
    """

    def __init__(self, correct_rate: float = 0.8, incorrect_rate: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.correct_rate = correct_rate
        self.incorrect_rate = incorrect_rate

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        right = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        wanted = self.incorrect_rate + (self.correct_rate - self.incorrect_rate) * right
        return ops.mean(ops.square(ops.mean(y_pred, axis=1) - wanted), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "correct_rate": self.correct_rate,
            "incorrect_rate": self.incorrect_rate,
        }


@keras.saving.register_keras_serializable(package="spikeport")
class TimeToFirstSpikeCrossEntropy(_OverSteps):
    """Cross entropy with the negative number of steps before the first spike of each class as its logit.

    Parameters
    ----------
    scale
        What a step counts.
    """

    def __init__(self, label_smoothing: float = 0.0, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(label_smoothing, **kwargs)
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        return self._cross_entropy(y_true, -self.scale * steps_before_first_spike(y_pred))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "scale": self.scale}


def steps_before_first_spike(spikes: Any) -> Any:
    """Return how many steps pass before the first spike, all of them where there is none: ``(batch, …)``.

    Parameters
    ----------
    spikes
        ``(batch, steps, …)``. The gradient goes to the steps up to the first spike: a spike at any of them would end
        the silence of the steps from there on.
    """
    count = ops.cumsum(spikes, axis=1)
    silent = 1.0 - count
    until_then = silent * ops.cast(ops.stop_gradient(count) < 1.5, silent.dtype)
    return ops.sum(pseudo_gradient(ops.maximum(silent, 0.0), until_then), axis=1)
