"""Fit the populations on neuro-cores: a form for every connection and a block shape for every population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

from .fan_in import DenseFanIn
from .folding import Folding, Population
from .limits import CHIP_LIMITS
from .placement import Misfit, Placement, Target, place
from .routes import Route, routes

__all__ = ["ASSUMED_KICKS", "Fit", "Fitted", "fit"]

ASSUMED_KICKS = 8
"""Input axons that are put aside for the initial voltage where the thresholds are not known yet."""
_MOST_KICKS = 48
_KICK_FACTOR = 2.0  # the scale rule's factor at 36 steps: an initial voltage of half a threshold, in its units
_CORES_A_CHIP = next(limit.value for limit in CHIP_LIMITS if limit.name == "cores")


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitted:
    """A population of the chip in its place.

    Attributes
    ----------
    routes
        Source → the form of the connection from it.
    n_kicks
        Clock neurons that share the spike which sets the initial voltage.
    """

    population: Population
    routes: Mapping[str, Route]
    placement: Placement
    n_kicks: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit:
    """The populations that fit, and why the others do not."""

    fitted: Mapping[str, Fitted]
    misfits: Mapping[str, Misfit]

    @property
    def n_cores(self) -> int:
        """Return how many cores the network takes."""
        return sum(f.placement.n_cores for f in self.fitted.values())

    @property
    def n_chips(self) -> int:
        """Return how many chips hold so many cores."""
        return max(ceil(self.n_cores / _CORES_A_CHIP), 1)


def fit(folding: Folding) -> Fit:
    """Place every population, from the last to the first, since output axons depend on where the targets are."""
    fitted: dict[str, Fitted] = {}
    misfits: dict[str, Misfit] = {}
    for population in reversed(tuple(folding.populations.values())):
        if not population.on_chip:
            continue
        targets = [
            Target(connection=f.routes[population.name].fan_in, placement=f.placement)
            for f in fitted.values()
            if population.name in f.routes
        ]
        found = _placed(population, folding, targets)
        if isinstance(found, Misfit):
            misfits[population.name] = found
        else:
            fitted[population.name] = found
    order = [name for name in folding.populations if name in fitted]
    return Fit(fitted={name: fitted[name] for name in order}, misfits=misfits)


def _placed(population: Population, folding: Folding, targets: list[Target]) -> Fitted | Misfit:
    """Place a population with the first forms of its connections that take the fewest cores."""
    fewest = ceil(prod(population.shape) / 1024)
    best: Fitted | None = None
    misfit: Misfit | None = None
    for chosen in product(*(tuple(routes(linear)) for linear in population.maps.values())):
        forms = dict(zip(population.maps, chosen))
        n_kicks = _kicks(population, forms, folding)
        # host neurons that encode values with both signs come in pairs
        fan_ins = [form.fan_in for s, form in forms.items() for _ in range(1 + _encoded(folding, s))]
        clock = DenseFanIn(n_in=n_kicks + (population.depth > 1))
        placement = place(population.shape, [*fan_ins, clock], targets)
        if isinstance(placement, Misfit):
            misfit = misfit or placement
        elif best is None or placement.n_cores < best.placement.n_cores:
            best = Fitted(population=population, routes=forms, placement=placement, n_kicks=n_kicks)
            if placement.n_cores == fewest:
                break
    if best is None and misfit is None:
        raise ValueError(f"{population.name}: expected a source, found none")
    return best or misfit  # type: ignore[return-value]  # one of them is there


def _encoded(folding: Folding, source: str) -> bool:
    return source in folding.populations and folding.populations[source].encodes


def _kicks(population: Population, forms: Mapping[str, Route], folding: Folding) -> int:
    """Return how many clock neurons share the initial voltage, so that none of their weights is the core's largest.

    A weight that is much larger than the others would set the scale of the core, and the others would lose bits.
    """
    if population.scale is None:
        return ASSUMED_KICKS
    largest = 0.0
    for source, form in forms.items():
        sends = folding.populations.get(source)
        if sends is None or sends.scale is None:
            return ASSUMED_KICKS
        largest = max(largest, form.scaled(sends.scale, 1 / population.scale).largest)
    return min(max(ceil(_KICK_FACTOR * 0.5 / (2 * largest)), 1), _MOST_KICKS) if largest > 0 else 1
