"""Two phases: a first run of some steps says which neurons send too much or too little, a second one is corrected.

After τ steps of a constant input, the voltage of a neuron is what it received and has not sent. It should lie between
0 and θ. Where it does not, the neuron sent more or fewer events than its mean current is worth, because its inputs came
unevenly. The second phase presents the same sample again, with each neuron of each sample corrected by what the first
one showed, and only its outputs count.

Written from the formulas of the two papers; everything is in thresholds (θ = 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...converter.dynamics import PopulationState, Signal
from ...converter.graph import Graph
from ...converter.ops import Array, Neurons
from ...errors import UsageError

if TYPE_CHECKING:
    from .course import Course, Stretch

__all__ = ["CORRECTIONS", "COS", "SRP", "Correction", "correction_named", "require_correctable"]

_MARGIN = 1e-3  # in thresholds: how far an event is kept from a tie, in both papers


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What both corrections share.

    Attributes
    ----------
    steps
        Of the first phase, τ (SRP) or ρ (COS).
    rounds
        How often the first phase is run, each time with the corrections so far.
    """

    steps: int = 4
    rounds: int = 1

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, value in (("steps", self.steps), ("rounds", self.rounds)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise UsageError(f"expected {name} of the correction {self.name} as at least 1, received {value!r}")

    @property
    def extra_steps(self) -> int:
        """Return the steps that are run before the second phase."""
        return self.steps * self.rounds

    def judge(self, seen: PopulationState, beginning: PopulationState, uncorrected: Array) -> None:
        """Correct what a population begins with.

        Parameters
        ----------
        seen
            The population after the first phase, with its extremes.
        beginning
            What it began that with; changed in place.
        uncorrected
            Its initial voltage before any correction, ``(samples, neurons)``.
        """
        raise NotImplementedError

    def run_first_phase(self, course: Course, currents: Mapping[str, Signal]) -> list[Stretch]:
        """Run the first phase, and leave the course at the beginning of the second one.

        Returns
        -------
        stretches
            What each round did, for counting.
        """
        beginnings = course.fresh_states()
        uncorrected = {name: state.values[:, 0].copy() for name, state in beginnings.items()}
        done = []
        for _ in range(self.rounds):
            course.begin({name: state.watched() for name, state in beginnings.items()})
            done.append(course.advance(currents, self.steps))
            for name, beginning in beginnings.items():
                self.judge(course.states[name], beginning, uncorrected[name])
        course.begin(beginnings)
        return done


@dataclass(frozen=True, kw_only=True)
class SRP(Correction):
    """Silence the neurons whose residual membrane potential says that they should not have fired.

    Hao, Bu, Ding, Huang and Yu 2023, "Reducing ANN-SNN conversion error through residual membrane potential" (AAAI)::

        after τ steps:  silent where v(τ) ≤ 0.001
        then:           the same initial voltage, s(t) = 0 where silent

    A neuron that should have been silent has a negative mean current, and ends below zero if events that came early
    made it fire. Neurons with a small positive mean current may end there too, and are lost: on networks that were
    trained for few steps that is rare.

    Attributes
    ----------
    steps
        Of the first phase, τ.
    """

    name = "srp"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rounds != 1:
            raise UsageError(
                f"expected rounds of 1 for the correction srp, which silences once, received {self.rounds}"
            )

    def judge(self, seen: PopulationState, beginning: PopulationState, uncorrected: Array) -> None:
        beginning.silent = seen.values[:, 0] <= _MARGIN


@dataclass(frozen=True, kw_only=True)
class COS(Correction):
    """Shift the initial voltage by as much as takes one event away, or adds one, where the residual says so.

    Hao, Ding, Bu, Huang and Yu 2023, "Bridging the gap between ANNs and SNNs by calibrating offset spikes" (ICLR)::

        after ρ steps:  if v(ρ) < 0 and it fired:   v0 ← v0 − max(1, min over steps with an event of v⁻(t) − 0.999)
                        if v(ρ) ≥ 1:                v0 ← v0 + max(1, 1.001 − max over silent steps of v(t))

    with v⁻(t) the voltage before the reset; what v0 was is kept, where the papers have ½. Further rounds look for what
    is left after the corrections so far; v(ρ) is then taken without the shifts, so that it still is what the neuron
    received and has not sent.

    For neurons that send up to n_max events in a step, the rule takes one event away or adds one as well. With v(t)
    the voltage after the reset, the first line is v(t) + 0.001 over the steps with n ≥ 1, which is the same for
    n_max = 1, and the second is over the steps with n < n_max.

    Attributes
    ----------
    steps
        Of the first phase, ρ.
    rounds
        How often it is run.
    """

    name = "cos"

    def judge(self, seen: PopulationState, beginning: PopulationState, uncorrected: Array) -> None:
        if seen.extremes is None:
            raise ValueError("expected the extremes of the voltage, received a population that was not watched")
        voltage, total = beginning.values[:, 0], seen.values[:, 1]
        final = seen.values[:, 0] - (voltage - uncorrected)  # what was received and not sent: without the shifts so far
        lowest, highest = seen.extremes[:, 0], seen.extremes[:, 1]
        down = (final < 0) & (total > 0)
        up = (final >= 1) & np.isfinite(highest)  # a neuron that sends all it can sends no more for a higher voltage
        voltage -= np.where(down, np.maximum(1, np.where(down, lowest, 0) + _MARGIN), 0)
        voltage += np.where(up, np.maximum(1, 1 + _MARGIN - np.where(up, highest, 0)), 0)


CORRECTIONS: Mapping[str, type[Correction]] = {one.name: one for one in (SRP, COS)}
"""The corrections by name."""


def correction_named(choice: object, steps: int | None = None) -> Correction:
    """Return a correction, given as an object or by name.

    Raises
    ------
    UsageError
        For anything else.
    """
    if isinstance(choice, Correction):
        return choice
    if not isinstance(choice, str) or choice not in CORRECTIONS:
        raise UsageError(f"expected a correction out of {', '.join(CORRECTIONS)}, received {choice!r}")
    return CORRECTIONS[choice]() if steps is None else CORRECTIONS[choice](steps=steps)


def require_correctable(graph: Graph) -> None:
    """Raise a UsageError unless the first phase says something about every population of the graph."""
    for node in graph.nodes.values():
        op = node.op
        if not isinstance(op, Neurons):
            continue
        if op.n_min < 0:
            why = "negative events, which take back what was sent too much without a first phase"
        elif not op.plain:
            why = "a membrane that forgets or draws, so that its residual does not say what was sent too much"
        else:
            continue
        raise UsageError(
            f"{node.name}: a correction expects plain neurons without negative events (neurons='binary'), "
            f"received some with {why}"
        )
