"""The ladder to the chip: from ReLUs over spikes and the chip's neuron to its whole numbers; what each rung costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backends.contract import Deployment, OnProgress, silent
from .backends.early_exit import classes_of
from .converter.ops import Array, Neurons
from .errors import UsageError
from .evaluation import labels_of
from .network import SpikingNetwork
from .samples import as_samples

__all__ = ["RUNGS", "Ladder", "Rung", "ladder"]

RUNGS = {
    "rates": "the model: ReLUs",
    "spikes": "integrate-and-fire neurons that subtract their threshold, in floating point",
    "chip neurons": "the chip's neurons, which forget what is beyond the threshold, without rounding",
    "chip": "the chip's whole numbers",
}
_BLOCK = 64


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung.

    Attributes
    ----------
    accuracy
        The share of right answers; None without labels of classes.
    changed
        The share of samples whose class is not that of the rung before.
    error
        Population → the distance of its values from the model's, as a share of theirs (root mean squares).
    output_error
        The same of the outputs.
    """

    name: str
    accuracy: float | None
    changed: float
    error: Mapping[str, float] = field(default_factory=dict)
    output_error: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "name": self.name,
            "what": RUNGS[self.name],
            "accuracy": self.accuracy,
            "changed": self.changed,
            "error": dict(self.error),
            "output_error": self.output_error,
        }


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """What each rung costs, for one number of steps."""

    samples: int
    steps: int
    rungs: tuple[Rung, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {"samples": self.samples, "steps": self.steps, "rungs": [rung.to_json() for rung in self.rungs]}

    def __str__(self) -> str:
        lines = [f"{self.samples:,} samples, {self.steps} steps"]
        for rung in self.rungs:
            accuracy = "" if rung.accuracy is None else f"{100 * rung.accuracy:6.2f} % right, "
            lines.append(
                f"{rung.name:13s} {accuracy}{100 * rung.changed:5.2f} % other classes than on the rung before, "
                f"outputs off by {100 * rung.output_error:.1f} %"
            )
            lines += [f"{'':15s}{name}: off by {100 * error:.1f} %" for name, error in rung.error.items()]
        return "\n".join(lines)


def ladder(
    net: SpikingNetwork,
    x: Any,
    y: Any = None,
    n_steps: int | None = None,
    *,
    calibration: Any = None,
    on_progress: OnProgress = silent,
) -> Ladder:
    """Run a network converted for Loihi on every rung between the model and the chip.

    Parameters
    ----------
    x, y
        Samples, and class numbers or one-hot rows where the accuracy is wanted.
    n_steps
        Steps for each sample.
    calibration
        Samples from which the chip's neurons are scaled, as the loihi backend takes them.
    on_progress
        Called with the number of samples done since the last call.

    Raises
    ------
    BackendError
        Where the network does not go on the chip.
    UsageError
        Where the network has several outputs.
    """
    if len(net.graph.outputs) != 1:
        raise UsageError(f"expected a network with one output, received {', '.join(net.graph.outputs)}")
    samples = as_samples(net.graph, x)
    (place,) = net.graph.outputs.values()
    labels = None if y is None else labels_of(y, net.graph.nodes[place].shape, len(samples[0]))[0]
    steps = net.steps_for("loihi", n_steps, samples)
    options = {} if calibration is None else {"calibration": as_samples(net.graph, calibration)}
    places: dict[str, Deployment] = {
        "spikes": net.deploy("cpu"),
        "chip neurons": net.deploy("loihi", target="float", **options),
        "chip": net.deploy("loihi", **options),
    }
    tallies = {name: _Tally() for name in RUNGS}
    for start in range(0, len(samples[0]), _BLOCK):
        part = [array[start : start + _BLOCK] for array in samples]
        expected = _rates(net, part)
        known = None if labels is None else labels[start : start + _BLOCK]
        before = classes_of(expected[place])
        for name in RUNGS:
            found = expected if name == "rates" else _values(net, places[name], part, steps, place)
            tallies[name].add(found, expected, place, before, known)
            before = classes_of(found[place])
        on_progress(len(part[0]))
    rungs = (tallies[name].rung(name, place, len(samples[0]), labels is not None) for name in RUNGS)
    return Ladder(samples=len(samples[0]), steps=steps, rungs=tuple(rungs))


class _Tally:
    """Sums over the samples of one rung."""

    def __init__(self) -> None:
        self.right = self.changed = 0
        self.off: dict[str, float] = {}
        self.size: dict[str, float] = {}

    def add(
        self, found: Mapping[str, Array], expected: Mapping[str, Array], place: str, before: Array, labels: Array | None
    ) -> None:
        classes = classes_of(found[place])
        self.changed += int((classes != before).sum())
        self.right += 0 if labels is None else int((classes == labels).sum())
        for name, values in found.items():
            self.off[name] = self.off.get(name, 0.0) + float(((values - expected[name]) ** 2).sum())
            self.size[name] = self.size.get(name, 0.0) + float((expected[name].astype(np.float64) ** 2).sum())

    def rung(self, name: str, place: str, samples: int, labelled: bool) -> Rung:
        errors = {n: float(np.sqrt(off / self.size[n])) if self.size[n] else 0.0 for n, off in self.off.items()}
        return Rung(
            name=name,
            accuracy=self.right / samples if labelled else None,
            changed=self.changed / samples,
            output_error=errors.pop(place),
            error={} if name == "rates" else errors,
        )


def _rates(net: SpikingNetwork, samples: Sequence[Array]) -> dict[str, Array]:
    """Return the values of all populations and of the output in the rate network."""
    graph = net.graph
    populations = [n.name for n in graph.nodes.values() if isinstance(n.op, Neurons)]
    feeds = {node.name: x.astype(np.float32) for node, x in zip(graph.inputs, samples, strict=True)}
    found = graph.evaluate(feeds, keep=[*populations, *graph.outputs.values()])
    return {name: found[name] for name in (*populations, *graph.outputs.values())}


def _values(
    net: SpikingNetwork, place: Deployment, samples: Sequence[Array], steps: int, output: str
) -> dict[str, Array]:
    """Return the same of a spiking run: what the spikes of each population stand for in the mean."""
    rates = getattr(place, "rates", None)
    if rates is not None:
        return {**rates(samples, steps), output: place.run(samples, steps).output}
    thresholds = {n.name: n.op.threshold for n in net.graph.nodes.values() if isinstance(n.op, Neurons)}
    result = place.run(samples, steps, record=thresholds)
    found = {name: result.events[name].mean(axis=1) * threshold for name, threshold in thresholds.items()}
    return {**found, output: result.output}
