"""A network that was placed, quantised and saved: it runs in the emulator with nothing but NumPy and the compiler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...converter.graph import Graph
from ...converter.ops import Array
from ...encoders import EncoderChoice
from ..contract import Deployment, OnProgress, RunResult, silent
from .chip_file import load_presentation
from .energy import Estimate
from .presentation import Presentation

__all__ = ["ChipProgram", "load_chip"]


class ChipProgram(Deployment):
    """What `LoihiDeployment.save` wrote.

    Attributes
    ----------
    whole_graph
        The network, for the host's part of it.
    n_steps
        For how many steps its thresholds were chosen.
    """

    def __init__(self, presentation: Presentation, n_steps: int, facts: Mapping[str, Any]) -> None:
        self._presentation, self.n_steps, self._facts = presentation, n_steps, facts

    @property
    def whole_graph(self) -> Graph:
        """Return the network."""
        return self._presentation.graph

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return what the backend said of the network when it was saved, and what the runs since then cost."""
        return {**self._facts, **self._presentation.counted()}

    def run(
        self,
        samples: Sequence[Array],
        n_steps: int | None = None,
        *,
        encoder: EncoderChoice | None = None,
        first: int = 0,
        record: Iterable[str] = (),
        on_progress: OnProgress = silent,
    ) -> RunResult:
        """Run samples, each from a clean state, by default for the steps that it was saved for."""
        return self._presentation.run(
            samples, n_steps or self.n_steps, encoder=encoder, first=first, record=record, on_progress=on_progress
        )

    def estimate(self) -> Estimate:
        """Return what a sample costs in energy and time, from all samples that were run.

        Raises
        ------
        UsageError
            Before the first run.
        """
        return self._presentation.estimate()


def load_chip(path: str | Path, *, n_jobs: int | None = None) -> ChipProgram:
    """Read a chip program; neither Keras nor Nengo is needed.

    Parameters
    ----------
    n_jobs
        Threads of the emulator; by default one for each processor.

    Raises
    ------
    SourceError
        When the file is missing, damaged, or something else.
    """
    return ChipProgram(*load_presentation(Path(path), n_jobs))
