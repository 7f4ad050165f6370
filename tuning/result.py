"""What a search found: every conversion that was scored, the front of those that no other beats, and their networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..network import SpikingNetwork
from .settings import Settings

__all__ = ["ENERGIES", "PREFERENCES", "TuneResult", "TuneRow", "front_of"]

ENERGIES = ("spikes", "operations")
PREFERENCES = ("accuracy", "steps", "spikes")
_LOSS = 1.0


@dataclass(frozen=True, kw_only=True)
class TuneRow:
    """One conversion and its score on samples that it was not calibrated on.

    Attributes
    ----------
    number
        Its number in the study.
    loss
        What it loses to the rate network, which equals the Keras model: percentage points of accuracy; without labels,
        the percentage of samples with another class; for outputs that are no classes, how much larger the root of the
        mean squared error is, in percent of the targets' standard deviation.
    accuracy
        The share of right answers, 0…1; without labels, of those that are the rate network's. None without classes.
    spikes, operations
        Spikes and synaptic operations of a sample, means over the samples.
    """

    number: int
    settings: Settings
    loss: float
    accuracy: float | None
    spikes: float
    operations: float

    @property
    def steps(self) -> int:
        """Return the steps of the network."""
        return self.settings.steps

    def objectives(self, energy: str) -> tuple[float, float, float]:
        """Return what is minimised: the loss, the steps, and the spikes or operations."""
        return self.loss, float(self.steps), float(getattr(self, energy))

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "number": self.number,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "spikes_per_sample": self.spikes,
            "synaptic_operations_per_sample": self.operations,
            "settings": self.settings.to_json(),
        }


def front_of(rows: Iterable[TuneRow], energy: str) -> tuple[TuneRow, ...]:
    """Return the rows that no other beats, those of fewest steps first: the Pareto front.

    A row is beaten by one that is nowhere worse and somewhere better; of rows that are equal the first stays.
    """
    front: list[TuneRow] = []
    for row in sorted(rows, key=lambda r: (*r.objectives(energy), r.number)):  # beaten by earlier ones only
        values = row.objectives(energy)
        if not any(all(a <= b for a, b in zip(kept.objectives(energy), values)) for kept in front):
            front.append(row)
    return tuple(sorted(front, key=lambda r: (r.steps, r.loss)))


@dataclass(frozen=True, eq=False, kw_only=True)
class TuneResult:
    """What a search found.

    Attributes
    ----------
    rows
        Every conversion, in the order of the trials.
    energy
        What was minimised beside loss and steps: "spikes" or "operations".
    has_labels
        Whether there were labels; without any, the right answers are the rate network's.
    calibration_samples, scored_samples
        How many samples the networks were calibrated on, and how many others they were scored on.
    stopped
        Whether the search was interrupted.
    """

    rows: tuple[TuneRow, ...]
    energy: str
    has_labels: bool
    calibration_samples: int
    scored_samples: int
    stopped: bool
    convert_row: Callable[[Settings], SpikingNetwork]

    @property
    def front(self) -> tuple[TuneRow, ...]:
        """Return the rows that no other beats in loss, steps and energy, those of fewest steps first."""
        return front_of(self.rows, self.energy)

    @property
    def keras_accuracy(self) -> float | None:
        """Return the accuracy of the rate network on the same samples; None where no labels of classes were given."""
        first = self.rows[0]
        if first.accuracy is None or not self.has_labels:
            return None
        return round(first.accuracy + first.loss / 100, 9)

    def pick(self, *, prefer: str = "steps", loss: float = _LOSS) -> TuneRow:
        """Return one row of the front.

        Parameters
        ----------
        prefer
            "accuracy": the least loss. "steps" or "spikes": the fewest of these (or operations, where these were
            minimised) among the rows that lose at most ``loss``.

        Raises
        ------
        UsageError
            When no row loses so little.
        """
        if prefer not in PREFERENCES:
            raise UsageError(f"expected to prefer one of {', '.join(PREFERENCES)}, received {prefer!r}")
        least = min(self.front, key=lambda row: row.loss)
        if prefer == "accuracy":
            return least
        allowed = [row for row in self.front if row.loss <= loss]
        if not allowed:
            raise UsageError(
                f"expected a conversion that loses at most {loss:g}, found none below {least.loss:.3g} in "
                f"{len(self.rows)} trials: allow more loss, steps or trials"
            )
        if prefer == "steps":
            return min(allowed, key=lambda row: (row.steps, getattr(row, self.energy), row.loss))
        return min(allowed, key=lambda row: (getattr(row, self.energy), row.steps, row.loss))

    def best(self, loss: float = _LOSS, *, prefer: str = "steps") -> dict[str, Any]:
        """Return the settings of `pick` as `convert` takes them: ``convert(model, x, **result.best(loss=0.5))``."""
        return self.pick(prefer=prefer, loss=loss).settings.arguments()

    def row(self, number: int) -> TuneRow:
        """Return a row by its number.

        Raises
        ------
        UsageError
            When there is none.
        """
        for row in self.rows:
            if row.number == number:
                return row
        raise UsageError(f"expected the number of a conversion of the study, received {number}")

    def network(self, row: TuneRow) -> SpikingNetwork:
        """Return the network of a row, the same that was scored."""
        return self.convert_row(row.settings)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "trials": len(self.rows),
            "stopped": self.stopped,
            "energy": self.energy,
            "keras_accuracy": self.keras_accuracy,
            "calibration_samples": self.calibration_samples,
            "scored_samples": self.scored_samples,
            "front": [row.to_json() for row in self.front],
        }
