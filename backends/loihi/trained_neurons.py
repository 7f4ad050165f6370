"""What the chip can do of neurons that were trained on spikes: which step as the chip's do, and why others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Array, AtEachStep, Cell, Neurons, Op, is_population

__all__ = ["Membrane", "is_trained", "membrane_of", "why_not_trained", "worth_of"]

_CPU = "or run with backend='cpu'"
_FREE = -1024.0
"""Thresholds below zero to which a membrane without a bound may go: farther than the chip's registers reach."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Membrane:
    """How the chip's neurons step: ``v ← max(keep·v + current, lowest)``; beyond the threshold a spike, then 0.

    Attributes
    ----------
    keep
        What is left of the voltage after a step, ``(channels,)``; the chip has it in 4,096ths.
    rest
        Steps after a spike in which nothing is heard.
    lowest
        In thresholds.
    """

    keep: Array
    rest: int
    lowest: float


def is_trained(graph: Graph) -> bool:
    """Say whether a network was trained on spikes: what its neurons do then is what has to run on the chip.

    The neurons of converted networks stand for ReLUs, and start at half a threshold; the chip's stand in for them.
    """
    return any(
        isinstance(node.op, Cell | AtEachStep)
        or (isinstance(node.op, Neurons) and not node.op.plain and not np.any(node.op.initial_voltage))
        for node in graph.nodes.values()
    )


def why_not_trained(op: Op) -> str:
    """Return why a trained population does not go on the chip and what to do, "" if it does."""
    return next((why for applies, why in _REFUSED if applies(op)), "")


def membrane_of(op: Op) -> Membrane:
    """Return the membrane of a population for which `why_not_trained` has nothing to say."""
    lowest = getattr(op, "v_min", None)
    if isinstance(op, Cell):
        keep, rest = op.decay.astype(np.float64), op.refractory
    elif isinstance(op, Neurons):
        keep, rest = np.full(1, op.dynamics.decay), op.dynamics.refractory
    else:
        raise TypeError(f"expected neurons, received {op.kind}")
    return Membrane(keep=keep, rest=rest, lowest=_FREE if lowest is None else float(lowest))


def worth_of(op: Op) -> tuple[Array, Array]:
    """Return the threshold of each channel, and what a spike puts out: neurons their threshold, a cell 1."""
    if not isinstance(op, Neurons | Cell) or op.threshold is None:
        raise TypeError(f"expected neurons, received {op.kind}")
    gain = op.gain.astype(np.float64) if isinstance(op, Cell) else np.ones(1)
    threshold = op.threshold.astype(np.float64) / gain
    return threshold, np.ones_like(threshold) if isinstance(op, Cell) else threshold


def _has(name: str) -> Any:
    return lambda op: getattr(op, name, None) is not None


_REFUSED: tuple[tuple[Any, str], ...] = (
    (
        lambda op: getattr(op, "random", False),
        f"it draws random numbers, and the chip's neurons here draw none: train without noise, {_CPU}",
    ),
    (
        lambda op: (getattr(op, "n_min", 0), getattr(op, "n_max", 1)) != (0, 1),
        f"it sends several events in a step, and a neuron of the chip one spike: train with Leaky or LIF, {_CPU}",
    ),
    (
        _has("synapse_decay"),
        f"its synapse leaks and filters the biases too, which the chip adds behind it: train with Leaky, {_CPU}",
    ),
    (
        lambda op: getattr(op, "adapting", None) is not None or getattr(op, "tau_n", None) is not None,
        f"it adapts to its own spikes, and a neuron of the chip does not: train with LIF, {_CPU}",
    ),
    (
        lambda op: getattr(op, "reset", "zero") != "zero",
        f"its reset subtracts the threshold, where the chip's neurons go to zero: train with reset='zero', {_CPU}",
    ),
    (
        lambda op: is_population(op) and bool(np.any(op.initial_voltage)),
        f"it starts with a voltage, and the chip's neurons start at zero: train with initial_voltage=0, {_CPU}",
    ),
    (
        lambda op: isinstance(op, Neurons) and bool(np.any(op.correction)),
        f"it has a correction, which the chip's neurons do not: convert without it, {_CPU}",
    ),
)
"""Whether it applies to an op → what to say."""
