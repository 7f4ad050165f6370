"""Place a population on neuro-cores: find the block shape that needs the fewest of them, or say why there is none.

A block is what one core holds. Populations are placed from the outputs back to the inputs, since the output axons that
a core needs depend on how many cores its targets take. Pure functions: nothing here imports Nengo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from math import ceil, prod
from types import MappingProxyType

from .fan_in import Box, FanIn
from .limits import CORE_LIMITS

_PLACED = ("compartments", "in-axons", "out-axons", "synapses")
_AXON_FORMAT = "axon format"
_LIMITS = MappingProxyType({limit.name: limit.value for limit in CORE_LIMITS if limit.name in _PLACED})
_REMEDIES = MappingProxyType(
    {
        "compartments": "make the layer smaller",
        "in-axons": "give the layer fewer inputs, by pooling before it",
        "out-axons": "give the layers that it feeds fewer neurons or pop_type 16, or run this layer off the chip",
        "synapses": "give the layer a smaller kernel, fewer input channels or fewer inputs",
        _AXON_FORMAT: "use pop_type 32, or a multiple of 4 channels",
    }
)
_UNITS = MappingProxyType(
    {
        "compartments": "neurons",
        "in-axons": "input axons",
        "out-axons": "output axon slots",
        "synapses": "bits of weights",
    }
)


@dataclass(frozen=True, kw_only=True)
class Use:
    """How much of one resource the fullest core uses."""

    resource: str
    used: int
    limit: int

    @property
    def fraction(self) -> float:
        return self.used / self.limit

    def __str__(self) -> str:
        return f"{self.resource} {self.used:,} of {self.limit:,} ({self.fraction:.0%})"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A population cut into blocks, one for each core."""

    shape: tuple[int, ...]
    block_shape: tuple[int, ...]
    n_cores: int
    uses: tuple[Use, ...]

    @property
    def binding(self) -> Use:
        """The resource that is nearest to its limit."""
        return max(self.uses, key=lambda use: use.fraction)

    def boxes(self) -> Iterator[Box]:
        """The blocks, in the order in which nengo-loihi makes them."""
        return _boxes(self.shape, self.block_shape)

    def __str__(self) -> str:
        return f"{self.n_cores} cores of {self.block_shape}; {self.binding}"


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Why no block shape fits on a core, and what to do about it.

    ``needed`` is the least that any block shape needs of the resource that stands in the way.
    """

    resource: str
    needed: int
    limit: int

    @property
    def remedy(self) -> str:
        return _REMEDIES[self.resource]

    def __str__(self) -> str:
        if self.resource == _AXON_FORMAT:
            return f"pop_type 16 takes blocks of 4, 8, … channels and at most 32 input channels: {self.remedy}"
        return f"needs {self.needed:,} {_UNITS[self.resource]} on one core, which holds {self.limit:,}: {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A population that the one being placed feeds: through which connection, and where it is."""

    connection: FanIn
    placement: Placement


def place(shape: Sequence[int], connections: Sequence[FanIn], targets: Sequence[Target] = ()) -> Placement | Misfit:
    """Cut a population into as few blocks as fit, each on a core of its own.

    Parameters
    ----------
    shape
        ``(rows, columns, channels)`` or ``(n,)``. With a convolution among the connections it has three dimensions.
    connections
        Everything that reaches the population, on the chip or from the host.
    targets
        What the population feeds on the chip.

    Returns
    -------
    Placement or Misfit
        Among the shapes with the fewest cores, the one whose cores hear the fewest input axons altogether.
    """
    shape = tuple(shape)
    least: dict[str, int] = {}
    n_cores = _core_counter(shape)
    for count, candidates in groupby(sorted(_block_shapes(shape), key=n_cores), key=n_cores):
        fitting: list[tuple[int, Placement]] = []
        for block_shape in candidates:
            boxes = list(_boxes(shape, block_shape))
            if not all(connection.accepts(box) for connection in connections for box in boxes):
                continue
            uses, traffic = _uses(boxes, connections, targets)
            if all(use.used <= use.limit for use in uses):
                fitting.append((traffic, Placement(shape=shape, block_shape=block_shape, n_cores=count, uses=uses)))
            for use in uses:
                least[use.resource] = min(use.used, least.get(use.resource, use.used))
        if fitting:
            return min(fitting, key=lambda pair: pair[0])[1]
    return _misfit(least)


def _misfit(least: Mapping[str, int]) -> Misfit:
    if not least:
        return Misfit(resource=_AXON_FORMAT, needed=0, limit=0)
    resource = max(least, key=lambda name: least[name] / _LIMITS[name])
    return Misfit(resource=resource, needed=least[resource], limit=_LIMITS[resource])


def _uses(boxes: Sequence[Box], connections: Sequence[FanIn], targets: Sequence[Target]) -> tuple[tuple[Use, ...], int]:
    """The fullest core's use of each resource, and the input axons of all cores."""
    whole = len(boxes) == 1
    axons = [sum(connection.input_axons(box, whole) for connection in connections) for box in boxes]
    used = {
        "compartments": max(prod(stop - start for start, stop in box) for box in boxes),
        "in-axons": max(axons),
        "out-axons": max(_out_axons(box, targets) for box in boxes) if targets else 0,
    }
    if all(amount <= _LIMITS[name] for name, amount in used.items()):  # synapse memory is the slow one to count
        used["synapses"] = max(sum(connection.synapse_bits(box, whole) for connection in connections) for box in boxes)
    return tuple(Use(resource=name, used=amount, limit=_LIMITS[name]) for name, amount in used.items()), sum(axons)


def _out_axons(source: Box, targets: Sequence[Target]) -> int:
    return sum(
        target.connection.axon_slots * target.connection.axons_from(source, box)
        for target in targets
        for box in target.placement.boxes()
    )


def _block_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every way to cut each dimension into nearly equal parts."""
    return product(*({ceil(n / parts) for parts in range(1, n + 1)} for n in shape))


def _boxes(shape: tuple[int, ...], block_shape: tuple[int, ...]) -> Iterator[Box]:
    cuts = [
        [(start, min(start + size, n)) for start in range(0, n, size)]
        for n, size in zip(shape, block_shape, strict=True)
    ]
    return product(*cuts)


def _core_counter(shape: tuple[int, ...]) -> Callable[[tuple[int, ...]], int]:
    return lambda block_shape: prod(ceil(n / size) for n, size in zip(shape, block_shape, strict=True))
