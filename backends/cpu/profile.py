"""Profile: where the time of a run went, layer by layer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...converter.graph import Graph, Node
from ...converter.ops import Array, Neurons

__all__ = ["LayerCost", "Profile"]


@dataclass(kw_only=True)
class LayerCost:
    """What a layer cost in all samples and steps.

    Attributes
    ----------
    way
        How it was computed: populations as `Events.way` says, other nodes from "events" or by "numpy".
    seconds
        Over all threads.
    spikes, synaptic_operations
        Of its neurons: their events, and the additions that these cause.
    density
        Events for each neuron and step; None where it has no neurons.
    """

    name: str
    kind: str
    way: str = ""
    seconds: float = 0.0
    spikes: float = 0.0
    synaptic_operations: float = 0.0
    density: float | None = None


@dataclass(eq=False)
class Profile:
    """The costs of a network's layers; threads add to them."""

    graph: Graph
    samples: int = 0
    _costs: dict[str, LayerCost] = field(default_factory=dict)
    _neuron_steps: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        node: Node,
        way: str,
        seconds: float,
        neuron_steps: int,
        spikes: Array | None,
        operations: Array | None,
    ) -> None:
        """Add what some samples cost at a node in some steps; ``neuron_steps`` is the number of its values in all."""
        with self._lock:
            cost = self._costs.setdefault(node.name, LayerCost(name=node.name, kind=node.op.kind))
            cost.way = way
            cost.seconds += seconds
            if spikes is not None and operations is not None:
                cost.spikes += float(spikes.sum())
                cost.synaptic_operations += float(operations.sum())
                self._neuron_steps[node.name] = self._neuron_steps.get(node.name, 0) + neuron_steps

    def layers(self) -> list[LayerCost]:
        """Return the costs in the order of the network, without layers that cost nothing."""
        found = []
        for node in self.graph.nodes.values():
            cost = self._costs.get(node.name)
            if cost is None:
                continue
            if isinstance(node.op, Neurons):
                cost.density = cost.spikes / max(self._neuron_steps.get(node.name, 0), 1)
            found.append(cost)
        return found

    def to_json(self) -> list[Mapping[str, Any]]:
        """Return the costs as JSON values, spikes and operations for each sample."""
        count = max(self.samples, 1)
        return [
            {
                "name": cost.name,
                "kind": cost.kind,
                "way": cost.way,
                "seconds": cost.seconds,
                "spikes_per_sample": cost.spikes / count,
                "synaptic_operations_per_sample": cost.synaptic_operations / count,
                "density": cost.density,
            }
            for cost in self.layers()
        ]
