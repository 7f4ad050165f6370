"""tune: prepare a model once, then convert and score it with one proposal after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..backends.contract import silent
from ..converter.layers import LAYERS, LayerRegistry
from ..converter.ops import Shape
from ..errors import UsageError
from ..preparation import prepare
from .result import ENERGIES, TuneResult, TuneRow
from .scoring import Scorer, calibration_part
from .settings import Settings
from .study import Study, quiet_optuna, require_optuna

__all__ = ["tune"]


def tune(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    trials: int = 30,
    max_steps: int = 64,
    target_loss: float | None = None,
    energy: str = "spikes",
    scored_samples: int = 1000,
    seed: int = 0,
    study: str | Path | None = None,
    resume: bool = False,
    architecture: str | Path | None = None,
    input_shape: Shape | None = None,
    layers: LayerRegistry = LAYERS,
    on_progress: Callable[[int], None] = silent,
) -> TuneResult:
    """Search the settings of a conversion for the trade-off between loss, steps and energy.

    The model is read and its activations are collected once. Each trial is a conversion with the calibration, run on
    the cpu backend. Networks are calibrated on one part of the samples and scored on another. An interruption
    (KeyboardInterrupt) ends the search and keeps what is done, once a trial is.

    Parameters
    ----------
    model, architecture, input_shape, layers
        As in `convert`.
    x
        Samples ``(n, *shape)``, preprocessed as for the model; a half of them, at most 512, are for the calibration.
    y
        Their labels, as `evaluate` takes them. Without labels the rate network's own answers are the right ones.
    trials
        Conversions in all, those of a resumed study included.
    max_steps
        The most steps of a network.
    target_loss
        What a conversion may lose: those that lose more count as worse than all that do not. In percentage points.
    energy
        What to minimise beside loss and steps: "spikes", or synaptic "operations".
    scored_samples
        How many samples at most each network is scored on.
    seed
        Of the parts and of the search; the same seed gives the same trials.
    study
        A file to keep the trials in, new or, with ``resume``, one that an earlier call wrote.
    on_progress
        Called with the number of trials done since the last call.

    Returns
    -------
    result
        ``result.front`` are the conversions that no other beats; ``convert(model, x, **result.best(loss=0.5))``
        converts with the settings of one; ``result.network(row)`` is the very network that was scored.

    Raises
    ------
    UsageError
        For options that say nothing, where Optuna is missing, and for a study of something else.
    DataError
        When samples, labels or the study's file cannot be used.
    """
    require_optuna()
    _check(trials, max_steps, scored_samples, energy, target_loss, seed, resume=resume, has_study=study is not None)
    part = calibration_part
    prepared = prepare(
        model, x, layers=layers, architecture=architecture, input_shape=input_shape, part=lambda n: part(n, seed)
    )
    scorer = Scorer(prepared, y, part(len(prepared.samples[0]) + len(prepared.others[0]), seed), scored_samples)
    facts = {
        "model": prepared.provenance["sha256"] or prepared.provenance["model"],
        "data": scorer.digest(),
        "scored samples": scorer.count,
        "max_steps": max_steps,
        "energy": energy,
        "seed": seed,
    }
    with quiet_optuna():
        path = None if study is None else Path(study)
        kept = Study(path, facts, resume=resume, max_steps=max_steps, seed=seed, target_loss=target_loss)
        stopped = _search(kept, scorer, trials, energy, on_progress)
        rows = kept.rows()
    return TuneResult(
        rows=rows,
        energy=energy,
        has_labels=y is not None,
        calibration_samples=scorer.calibration_samples,
        scored_samples=scorer.count,
        stopped=stopped,
        convert_row=scorer.network,
    )


def _search(study: Study, scorer: Scorer, trials: int, energy: str, on_progress: Callable[[int], None]) -> bool:
    """Run trials until there are so many; say whether the search was interrupted."""
    done: dict[Settings, TuneRow] = {row.settings: row for row in study.rows()}
    finished = len(study.rows())
    on_progress(finished)
    try:
        while finished < trials:
            trial, settings = study.propose()
            try:
                row = done.get(settings) or scorer.score(trial.number, settings)
            except BaseException:
                study.drop(trial)
                raise
            study.finish(trial, row, energy)
            done[settings] = row
            finished += 1
            on_progress(1)
    except KeyboardInterrupt:
        if not study.rows():
            raise
        return True
    return False


def _check(
    trials: int,
    max_steps: int,
    scored_samples: int,
    energy: str,
    target_loss: float | None,
    seed: int,
    *,
    resume: bool,
    has_study: bool,
) -> None:
    """Raise a UsageError for options that say nothing."""
    for name, value, least in (
        ("trials", trials, 1),
        ("max_steps", max_steps, 1),
        ("scored_samples", scored_samples, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise UsageError(f"expected {name} of at least {least}, received {value}")
    if energy not in ENERGIES:
        raise UsageError(f"expected energy out of {', '.join(ENERGIES)}, received {energy!r}")
    if target_loss is not None and not 0 <= target_loss < 100:
        raise UsageError(f"expected target_loss in percentage points, received {target_loss}")
    if resume and not has_study:
        raise UsageError("expected a study to resume, received none: name its file")
