"""The currents that enter a network: samples or sequences, and an encoder for each input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..converter.graph import Graph
from ..converter.ops import Array, Input
from ..errors import UsageError
from .base import Encoder
from .constant import ConstantCurrent
from .registry import EncoderChoice, encoder_named

__all__ = ["InputCurrents"]


@dataclass(frozen=True, eq=False)
class InputCurrents:
    """What enters a network; encoded some samples at a time, so that memory does not grow with their number.

    Attributes
    ----------
    samples
        Input → ``(samples, *shape)``, or ``(samples, steps, *shape)`` for a sequence.
    encoders
        Input → its encoder.
    sequences
        The inputs that get a sequence.
    n_steps
        How many steps are run.
    first
        The number of the first sample.
    """

    samples: Mapping[str, Array]
    encoders: Mapping[str, Encoder]
    sequences: frozenset[str]
    n_steps: int
    first: int

    @classmethod
    def of(
        cls, graph: Graph, samples: Sequence[Array], n_steps: int, encoder: EncoderChoice | None = None, first: int = 0
    ) -> InputCurrents:
        """Return the currents for samples that `as_samples` checked.

        Raises
        ------
        UsageError
            For an encoder or an input that does not exist.
        """
        named = {node.name: x for node, x in zip(graph.inputs, samples, strict=True)}
        sequences = frozenset(n.name for n in graph.inputs if named[n.name].ndim == len(n.shape) + 2)
        return cls(named, _chosen(graph, encoder), sequences, n_steps, first)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.samples.values())))

    @property
    def constant(self) -> bool:
        """Say whether every input is the sample itself at every step."""
        return not self.sequences and all(isinstance(e, ConstantCurrent) for e in self.encoders.values())

    def batch(self, start: int, stop: int) -> tuple[dict[str, Array], Array | None]:
        """Return the currents of some samples.

        Returns
        -------
        currents
            Input → ``(n_steps, samples, *shape)`` float64, or ``(1, samples, *shape)`` where they never change.
        events
            How many events each sample sends, ``(samples,)``; None where no encoder counts them.
        """
        currents: dict[str, Array] = {}
        total: Array | None = None
        for name, encoder in self.encoders.items():
            part = self.samples[name][start:stop]
            signal = part.swapaxes(0, 1) if name in self.sequences else part[None]
            currents[name] = encoder.encode(signal, self.n_steps, first=self.first + start)
            counted = encoder.count_events(currents[name])
            if counted is not None:
                total = counted if total is None else total + counted
        return currents, total

    def events_until(self, currents: Mapping[str, Array], steps: Array) -> Array | None:
        """Return how many events each sample sent in its first steps.

        Parameters
        ----------
        currents
            What `batch` returned.
        steps
            Of each sample: ``(samples,)``.
        """
        total: Array | None = None
        for name, encoder in self.encoders.items():
            for last in np.unique(steps):
                places = np.flatnonzero(steps == last)
                counted = encoder.count_events(currents[name][:last, places])
                if counted is not None:
                    total = np.zeros(len(steps), np.int64) if total is None else total
                    total[places] += counted
        return total


def _chosen(graph: Graph, encoder: Any) -> dict[str, Encoder]:
    """Return the encoder of each input, with the range that calibration saw there."""
    names = [node.name for node in graph.inputs]
    default = ConstantCurrent()
    given = dict(encoder) if isinstance(encoder, Mapping) else dict.fromkeys(names, encoder)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise UsageError(f"expected encoders for the inputs {', '.join(names)}, received one for {unknown[0]!r}")
    result: dict[str, Encoder] = {}
    for number, node in enumerate(graph.inputs):
        one = given.get(node.name)
        one = encoder_named(one) if isinstance(one, str) else default if one is None else one
        if not isinstance(one, Encoder):
            raise UsageError(f"expected an encoder or the name of one, received {one!r}")
        low, high = (node.op.low, node.op.high) if isinstance(node.op, Input) else (None, None)
        result[node.name] = one.for_input(number, low, high)
    return result
