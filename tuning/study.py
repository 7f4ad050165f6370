"""A study: Optuna's, kept in memory or in one file from which it goes on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, UsageError
from .result import TuneRow
from .settings import Settings, first_settings, search_space

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.storages import BaseStorage

__all__ = ["Study", "quiet_optuna", "require_optuna"]

_NAME = "spikeport"
_LOCK_SECONDS = 5  # a lock that is older was left by a process that was killed


def require_optuna() -> None:
    """Raise a UsageError unless Optuna is installed."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise UsageError("tune searches with Optuna: pip install 'spikeport[tune]'") from None


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from writing to the terminal."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


class Study:
    """The trials so far, and what to try next.

    A file holds one line of JSON for each event (Optuna's journal). What a killed process leaves, half a line or a
    trial that did not end, is dropped when the study is opened again. Proposals depend on the seed and on the finished
    trials only, so a study that was interrupted ends as if it had not been.

    Parameters
    ----------
    path
        The file; None keeps the study in memory.
    facts
        What it is about, as JSON values; a study of other facts is not resumed.
    resume
        Go on with the file, which must exist; without it, the file must be new.
    target_loss
        Trials that lose more count as worse than all that do not; None: no limit.

    Raises
    ------
    UsageError
        When the file exists and must not, or the reverse, or is about something else.
    DataError
        When it is no study or is damaged.
    """

    def __init__(
        self,
        path: Path | None,
        facts: Mapping[str, Any],
        *,
        resume: bool,
        max_steps: int,
        seed: int,
        target_loss: float | None = None,
    ) -> None:
        import optuna

        self._seed, self._target_loss, self._max_steps = seed, target_loss, max_steps
        self._space = search_space(max_steps)
        if path is not None:
            _check_path(path, resume)
        try:
            storage = optuna.storages.InMemoryStorage() if path is None else _journal(path)
            self._study = optuna.create_study(
                storage=storage, study_name=_NAME, directions=["minimize"] * 3, load_if_exists=True
            )
            known = self._study.user_attrs.get("facts")
            rows = self.rows()
        except OSError:
            raise
        except Exception as error:  # a damaged journal raises whatever its lines lead to
            raise DataError(f"{path}: expected a study that tune wrote, received another file: {error}") from None
        if known is None and not rows:
            self._study.set_user_attr("facts", dict(facts))
        elif known != dict(facts):
            raise UsageError(f"{path}: {_what_differs(known, facts)}")
        self._drop_unfinished()

    def rows(self) -> tuple[TuneRow, ...]:
        """Return the finished trials."""
        from optuna.trial import TrialState

        return tuple(
            TuneRow(
                number=trial.number,
                settings=Settings(**trial.params),
                **{name: trial.user_attrs[name] for name in ("loss", "accuracy", "spikes", "operations")},
            )
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        )

    def propose(self) -> tuple[Trial, Settings]:
        """Return a new trial and its settings: first those without a search, then Optuna's.

        The sampler is a tree-structured Parzen estimator for several objectives (Ozaki et al. 2022, "Multiobjective
        tree-structured Parzen estimator"): with some tens of trials, a genetic algorithm would hardly leave its first
        generation.
        """
        from optuna.samplers import TPESampler

        finished = len(self.rows())
        seed = int(np.random.SeedSequence([self._seed, finished]).generate_state(1)[0])
        self._study.sampler = TPESampler(seed=seed, multivariate=True)
        first = first_settings(self._max_steps)
        if finished < len(first):
            self._study.enqueue_trial(first[finished].to_json())
        trial = self._study.ask(self._space)
        return trial, Settings(**trial.params)

    def finish(self, trial: Trial, row: TuneRow, energy: str) -> None:
        """Write down the score of a trial."""
        for name in ("loss", "accuracy", "spikes", "operations"):
            trial.set_user_attr(name, getattr(row, name))
        if self._target_loss is not None:
            trial.set_constraint("loss", row.loss - self._target_loss)
        self._study.tell(trial, row.objectives(energy))

    def drop(self, trial: Trial) -> None:
        """Give up a trial."""
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.FAIL)

    def _drop_unfinished(self) -> None:
        from optuna.trial import TrialState

        while self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self.drop(self._study.ask())
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)


def _check_path(path: Path, resume: bool) -> None:
    from ..converter.storage import require_writable

    require_writable(path)
    if resume and not path.is_file():
        raise UsageError(f"{path}: expected a study to resume, found no such file")
    if path.is_file() and not resume:
        raise UsageError(f"{path}: expected a new file, found one; resume the study, or give another name")


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if path.is_file():
        _mend(path)
    lock = JournalFileOpenLock(str(path), grace_period=_LOCK_SECONDS)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


def _mend(path: Path) -> None:
    """Cut off the half of a line that a killed process left at the end of a journal.

    Raises
    ------
    ValueError
        When the file is no journal, which is then left as it is.
    """
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    for line in text[:whole].splitlines():
        if not isinstance(json.loads(line), dict):
            raise ValueError("its lines are no JSON objects")
    if text and not whole:
        raise ValueError("it has no whole line")
    if whole < len(text):
        with path.open("r+b") as file:
            file.truncate(whole)


def _what_differs(known: Any, facts: Mapping[str, Any]) -> str:
    if not isinstance(known, Mapping):
        return "expected a study that tune wrote, received another of Optuna's"
    names = [name for name, value in facts.items() if known.get(name) != value]
    told = "; ".join(f"{name} {known.get(name)!r}, now {facts[name]!r}" for name in names)
    return f"expected to resume with the same model, data and options, received others: {told}"
