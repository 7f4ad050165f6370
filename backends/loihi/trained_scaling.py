"""A network that was trained on spikes in the chip's units: its own thresholds, and nothing that is fitted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...converter.graph import Graph
from .fit import Fit
from .folding import Folding
from .scaling import Scaled, ScaledHost, ScaledPopulation
from .trained_neurons import membrane_of, worth_of

__all__ = ["scale_trained", "why_not_in_time"]


def why_not_in_time(folding: Folding) -> dict[str, str]:
    """Return population → why its spikes do not come together: each layer of the chip takes a step more."""
    depths = {name: population.depth for name, population in folding.populations.items()}
    return {
        name: (
            f"it hears layers that are {' and '.join(map(str, sorted(found)))} steps behind the input, and trained "
            "spikes have to arrive together: leave the shortcut out, or run with backend='cpu'"
        )
        for name, population in folding.populations.items()
        if len(found := {depths[source] for source in population.maps if source in depths and source != name}) > 1
    }


def scale_trained(graph: Graph, folding: Folding, fit: Fit) -> Mapping[str, Scaled]:
    """Return every population in units of its thresholds, each after its sources.

    A bias acts on the chip from its first step on, before a sample's first spikes arrive. What the membrane has of it
    by then, the clock takes away in the second step, and holds the bias until then.
    """
    scaled: dict[str, Scaled] = {}
    for name, population in folding.populations.items():
        op = graph.nodes[name].op
        threshold, worth = (np.broadcast_to(value, population.shape[2:]) for value in worth_of(op))
        if not population.on_chip:
            scaled[name] = ScaledHost(population=population, worth=worth)
            continue
        if population.current is None:
            raise ValueError(f"{name}: expected a population of the chip, received one of the host")
        membrane = membrane_of(op)
        worths = {**{source: s.worth for source, s in scaled.items()}, name: worth}
        routes = {s: r.scaled(worths[s], 1 / threshold) for s, r in fit.fitted[name].routes.items()}
        bias = np.asarray(population.current / threshold)
        scaled[name] = ScaledPopulation(
            fitted=fit.fitted[name],
            routes=routes,
            bias=bias,
            kick=-membrane.keep * np.maximum(bias, membrane.lowest),
            threshold=threshold,
            worth=worth,
            offset=np.zeros(population.shape[2:]),
            membrane=membrane,
        )
    return scaled
