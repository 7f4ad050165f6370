"""Who is measured with which settings, and the rounds in which everybody takes a turn."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from contestant import Contestant, ContestantError

PAUSE = 0.2  # seconds between turns: threads of the one before go to sleep


class Measured(NamedTuple):
    """One program on one network."""

    version: str
    settings: dict[str, Any]
    answers: np.ndarray
    images: int  # of a timed pass
    seconds: list[float]  # for one image, in each round

    @property
    def images_per_second(self) -> float:
        """The median over the rounds."""
        return 1 / statistics.median(self.seconds)


def whole_batches(images: int, batch: int | None, most: int) -> int:
    """About so many images, as whole batches where that is possible, at most ``most``."""
    images = max(1, min(images, most))
    if not batch or batch >= most:
        return images if not batch else most
    return min(max(1, round(images / batch)), most // batch) * batch


def choose_settings(contestant: Contestant, most: int, budget: float) -> tuple[dict[str, Any], float]:
    """Try the candidates, from the smallest on; return the fastest and its seconds for one image.

    A candidate that fails, because of memory for example, is left out. None is begun once ``budget`` seconds are over.

    Raises
    ------
    ContestantError
        When every one fails.
    """
    tried: list[tuple[float, dict[str, Any]]] = []
    failure: ContestantError | None = None
    start = time.perf_counter()
    for settings in contestant.candidates:
        batch = settings.get("batch")
        if (batch and batch > most and tried) or (tried and time.perf_counter() - start > budget):
            continue
        try:
            seconds, _ = contestant.measure(settings, whole_batches(64, batch, most), 0.3)
        except ContestantError as error:
            failure = error
            continue
        tried.append((seconds, settings))
        say(f"  {contestant.name} {described(settings)}: {1 / seconds:,.1f} images/s")
    if not tried:
        raise failure or ContestantError(f"{contestant.name}: expected settings to try, found none")
    seconds, settings = min(tried, key=lambda each: each[0])
    return settings, seconds


def in_turns(contestants: Sequence[Contestant], images: int, rounds: int, turn: float) -> dict[str, Measured]:
    """Measure everybody.

    First each finds its best settings and classifies all images; then come the rounds, whose order is turned by one
    each time. In a round a program gets as many images as take about ``turn`` seconds, repeated for at least a quarter
    of that. One that fails is left out, and standard error says why.
    """
    found: dict[str, Measured] = {}
    alive = []
    for contestant in contestants:
        try:
            settings, _ = choose_settings(contestant, images, budget=60 * turn)
            seconds, answers = contestant.measure(settings, images)
        except ContestantError as error:
            say(f"left out: {error}")
            continue
        count = whole_batches(math.ceil(turn / seconds), settings.get("batch"), images)
        found[contestant.name] = Measured(contestant.version, settings, answers, count, [])
        alive.append(contestant)
    for place in range(rounds):
        say(f"  round {place + 1} of {rounds}")
        first = place % max(1, len(alive))
        for contestant in alive[first:] + alive[:first]:
            mine = found[contestant.name]
            time.sleep(PAUSE)
            try:
                mine.seconds.append(contestant.measure(mine.settings, mine.images, turn / 4)[0])
            except ContestantError as error:
                say(f"left out: {error}")
                alive.remove(contestant)
                del found[contestant.name]
    return found


def described(settings: Mapping[str, Any]) -> str:
    """The settings in words."""
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings.items()) or "as it is"


def say(text: str) -> None:
    """Progress goes to standard error."""
    print(text, file=sys.stderr, flush=True)
