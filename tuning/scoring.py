"""Convert with some settings, and score the network on samples that it was not calibrated on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..backends.early_exit import classes_of
from ..converter.ops import Array, Output
from ..errors import DataError, UsageError
from ..evaluation import evaluate
from ..network import SpikingNetwork
from ..preparation import Preparation
from .result import TuneRow
from .settings import Settings

__all__ = ["Scorer", "calibration_part"]

_MOST_CALIBRATION = 512


def calibration_part(count: int, seed: int) -> Array:
    """Return the places of the samples to calibrate on: half of them, at most 512, drawn at random.

    Raises
    ------
    DataError
        When there are fewer than two samples.
    """
    if count < 2:
        raise DataError(f"expected at least 2 samples, to calibrate on some and score on others, received {count}")
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[: min(_MOST_CALIBRATION, count // 2)])


class Scorer:
    """Makes networks of a prepared model and scores them.

    Parameters
    ----------
    y
        Labels for all samples in the order that they were given in, as `evaluate` takes them. Without any, the rate
        network's own answers are the right ones.
    part
        The places of the samples that were calibrated on.
    most
        How many of the others to score on.
    """

    def __init__(self, prepared: Preparation, y: Any, part: Array, most: int) -> None:
        if len(prepared.graph.outputs) != 1:
            names = ", ".join(prepared.graph.outputs)
            raise UsageError(f"expected a model with one output to score, received {names}")
        self._prepared = prepared
        self._samples = [x[:most] for x in prepared.others]
        self.count = len(self._samples[0])
        self._y = self._rate_answers() if y is None else _rest(y, part, len(part) + len(prepared.others[0]))[:most]
        self.has_labels = y is not None

    @property
    def calibration_samples(self) -> int:
        """Return how many samples the networks are calibrated on."""
        return len(self._prepared.samples[0])

    def digest(self) -> str:
        """Return a digest of all samples and labels."""
        digest = hashlib.sha256()
        for array in (*self._prepared.samples, *self._samples, *([self._y] if self.has_labels else [])):
            digest.update(str((array.dtype, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def network(self, settings: Settings) -> SpikingNetwork:
        """Return the network that `convert` makes of the calibration samples with these settings."""
        prepared, preset = self._prepared, settings.neurons
        report = prepared.new_report()
        prepared.note_thresholds(preset, settings.stages, report)
        graph = prepared.spiking(preset, settings.stages, settings.steps, report)
        return SpikingNetwork(
            graph=graph,
            report=report.build(),
            target_steps=settings.steps,
            provenance=prepared.provenance_for(preset, "cpu"),
        )

    def score(self, number: int, settings: Settings) -> TuneRow:
        """Return a row of the study: the network after all its steps."""
        x = self._samples if len(self._samples) > 1 else self._samples[0]
        found = evaluate(self.network(settings), x, self._y, settings.steps)
        accuracy = found.accuracy[-1] if found.accuracy else None
        if accuracy is not None and found.keras_accuracy is not None:
            loss = found.keras_accuracy - accuracy
        else:
            keras = found.keras_mean_squared_error or 0.0
            deviation = float(np.std(self._y)) or 1.0
            loss = (found.mean_squared_error[-1] ** 0.5 - keras**0.5) / deviation
        return TuneRow(
            number=number,
            settings=settings,
            loss=100 * loss,
            accuracy=accuracy,
            spikes=found.spikes_per_sample,
            operations=found.synaptic_operations_per_sample,
        )

    def _rate_answers(self) -> Array:
        """Return the rate network's classes, or its outputs where these are no classes."""
        graph = self._prepared.graph
        rates = SpikingNetwork(graph=graph, report=self._prepared.new_report().build(), target_steps=1)
        x = self._samples if len(self._samples) > 1 else self._samples[0]
        outputs = rates.run(x, spiking=False).output
        op = graph.nodes[next(iter(graph.outputs.values()))].op
        if isinstance(op, Output) and op.scores_classes(outputs.shape[1:]):
            return classes_of(outputs)
        return outputs


def _rest(y: Any, part: Array, count: int) -> Array:
    """Return the labels of the samples that were not calibrated on."""
    labels = np.asarray(y)
    if not labels.ndim or len(labels) != count:
        raise DataError(f"expected {count} labels, one for each sample, received y of shape {labels.shape}")
    return np.delete(labels, part, axis=0)
