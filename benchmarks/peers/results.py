"""From what was measured to the results: accuracies, ratios where the answers allow one, and the machine's limit."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rounds import Measured

TORCH_PEERS = ("snntorch", "spikingjelly", "sinabs")
DENSE = ("keras", "torch")
OURS = ("graded", "binary", "fewest")


class Rule(NamedTuple):
    """Before a program's speed counts, its accuracy must be that of another, to so many points."""

    reference: str
    points: float


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(TORCH_PEERS, Rule("binary", 0.5)),  # the same neurons in float32: spikes differ at ties only
    "nengodl": Rule("keras", 1.5),  # neurons and thresholds of its own
    "torch": Rule("keras", 0.1),  # the same network
    "binary": Rule("keras", 5.0),  # few steps of binary neurons lose some accuracy, and the table says how much
    "graded": Rule("keras", 1.5),
    "fewest": Rule("keras", 1.5),
}


def accuracies(found: Mapping[str, Measured], labels: np.ndarray | None) -> dict[str, float]:
    """The right answers of each in percent; without labels, Keras's answers are right."""
    right = found["keras"].answers if labels is None else labels
    return {name: 100 * float(np.mean(each.answers == right)) for name, each in found.items()}


def refused(accuracy: Mapping[str, float], images: int) -> dict[str, str]:
    """Name → why there is no ratio with it. One image more or less is always allowed."""
    reasons = {}
    for name, own in accuracy.items():
        rule = RULES.get(name)
        if rule is None:
            continue
        if rule.reference not in accuracy:
            reasons[name] = f"{rule.reference} is not there to compare with"
        elif abs(own - accuracy[rule.reference]) > max(rule.points, 100 / images) + 1e-9:
            other = accuracy[rule.reference]
            reasons[name] = f"{own:.2f} % right, {rule.reference} {other:.2f} %: more than {rule.points} points apart"
    return reasons


def ratios(found: Mapping[str, Measured], without: Mapping[str, str]) -> dict[str, float]:
    """Speeds over speeds, as "graded / nengodl", from the programs that nothing speaks against.

    Of the peers on PyTorch it takes the fastest.

    A ratio is the median over the rounds of the ratio within each, so that a machine that slows down in one round
    changes both sides of it.
    """
    there = {name: each for name, each in found.items() if name not in without}
    peers = {name: there[name].images_per_second for name in TORCH_PEERS if name in there}
    spiking = [max(peers, key=lambda name: peers[name])] if peers else []
    spiking += [name for name in ("nengodl",) if name in there]
    dense = [name for name in DENSE if name in there]
    return {
        f"{own} / {other}": statistics.median(
            theirs / ours for ours, theirs in zip(there[own].seconds, there[other].seconds, strict=True)
        )
        for own in OURS
        if own in there
        for other in ([] if own == "fewest" else spiking)
        + dense  # those that spike run as many steps as graded, binary
    }


def limit(work: Mapping[str, float], limits: Mapping[str, float], steps: int) -> dict[str, float]:
    """Images per second if a network's spikes cost what they must.

    ``additions``: each synaptic addition once, at the rate of additions in the first-level cache. ``memory``: each
    neuron's float32 current is written and read once a step, at the bandwidth of memory. ``both``: one after the other.
    """
    adding = work["additions"] / limits["added_float32"]
    moving = 2 * 4 * work["neurons"] * steps / limits["copied_bytes"]
    return {"additions": 1 / adding, "memory": 1 / moving, "both": 1 / (adding + moving)}


def network_results(
    found: Mapping[str, Measured], labels: np.ndarray | None, steps: Mapping[str, int], work: Mapping[str, float]
) -> dict[str, Any]:
    """All of one network, as JSON values."""
    accuracy = accuracies(found, labels)
    images = len(next(iter(found.values())).answers)
    without = refused(accuracy, images)
    programs = {
        name: {
            "version": each.version,
            "settings": each.settings,
            "steps": steps.get(name),
            "accuracy": accuracy[name],
            "images_per_second": each.images_per_second,
            "seconds_per_image": each.seconds,
            "images_of_a_timed_pass": each.images,
            "refused": without.get(name),
        }
        for name, each in found.items()
    }
    return {"images": images, "work": dict(work), "programs": programs, "ratios": ratios(found, without)}
