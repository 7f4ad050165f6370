"""What the host makes of the spikes that it hears: the graph behind the last populations, of their mean so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array
from .analog import evaluate_from
from .chip_run import Voice
from .emulator.means import running_means

__all__ = ["ReadOut"]

_VALUES = 2**21  # of a population over the steps that are computed at once


@dataclass(frozen=True, eq=False)
class ReadOut:
    """The part of a graph behind its last populations.

    Attributes
    ----------
    nodes
        What the host computes.
    populations
        What it hears.
    """

    graph: Graph
    nodes: tuple[str, ...]
    populations: tuple[str, ...]

    @classmethod
    def of(cls, graph: Graph, populations: Collection[str]) -> ReadOut:
        """Return it for a graph with these populations."""
        found: set[str] = set()
        stack = list(graph.outputs.values())
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack.extend(() if name in populations else graph.nodes[name].inputs)
        order = [name for name in graph.nodes if name in found]
        return cls(
            graph,
            tuple(n for n in order if n not in populations),
            tuple(n for n in order if n in populations),
        )

    def outputs(
        self, spikes: Mapping[str, Array], voices: Mapping[str, Voice], feeds: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Return Keras output → ``(samples, steps, *shape)`` float32.

        Parameters
        ----------
        spikes
            Population → ``(samples, steps, *volume)``.
        voices
            Population → what a spike is worth and what is added to the mean.
        feeds
            Input → values, ``(samples, *shape)``.
        """
        some = spikes[self.populations[0]]
        samples, steps = some.shape[:2]
        largest = max(spikes[name][0].size for name in self.populations)
        size = max(1, _VALUES // largest)
        found: dict[str, list[Array]] = {name: [] for name in self.graph.outputs}
        for start in range(0, samples, size):
            part = slice(start, start + size)
            known = {n: self._means(n, spikes[n][part], voices[n]) for n in self.populations}
            known |= {name: np.repeat(x[part], steps, axis=0) for name, x in feeds.items() if name in self.nodes}
            values = evaluate_from(self.graph, known, self.graph.outputs.values())
            for name, place in self.graph.outputs.items():
                found[name].append(values[place].reshape(-1, steps, *values[place].shape[1:]).astype(np.float32))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _means(self, name: str, spikes: Array, voice: Voice) -> Array:
        """Return the mean value so far at each step, ``(samples · steps, *shape)``."""
        shape = spikes.shape[2:]
        sent = np.ascontiguousarray(spikes).reshape(*spikes.shape[:2], -1)
        each = (np.broadcast_to(x, shape).astype(np.float64).reshape(-1) for x in (voice.worth, voice.offset))
        worth, offset = each
        means = np.empty(sent.shape)
        running_means(sent, worth, offset, means)
        return means.reshape(-1, *self.graph.nodes[name].shape)
