"""The cpu backend: blocks of samples through one layer for all steps, then through the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from ...converter.graph import Graph
from ...converter.ops import Neurons
from ...errors import UsageError
from ..contract import Verdict
from ..early_exit import Confidence, EarlyExit
from ..seeds import seed_from
from ..verdicts import simulator_verdicts
from .deployment import CpuDeployment, Options
from .two_phase import correction_named, require_correctable

__all__ = ["CpuBackend"]

_OPTIONS = tuple(field.name for field in fields(Options))

_WORDS = {
    "neurons": "",
    "folded": "",
    "host": "on running means, exact as the steps grow",
    "input": "samples come in here",
}


class CpuBackend:
    """Runs every network, with the events of the nengo backend."""

    name = "cpu"
    summary = "batched simulation on the processor; takes every graph"
    neurons = "graded"
    least_steps = 1

    def available(self) -> str:
        """Return "": it needs nothing that spikeport does not need itself."""
        return ""

    def takes(self, op: Neurons) -> str:
        """Return "": it runs neurons of every kind."""
        return ""

    def check(self, graph: Graph) -> Iterator[Verdict]:
        """Say where each node's work is done; it is never refused."""
        return simulator_verdicts(graph, _WORDS)

    def deploy(self, graph: Graph, **options: Any) -> CpuDeployment:
        """Prepare the graph.

        Parameters
        ----------
        memory
            About how many bytes the samples that are run at once may take; samples and steps are cut to it.
        batch
            How many samples a thread runs at once at most; by default what is fast.
        n_jobs
            How many threads; by default one a processor. The results do not depend on it.
        seed
            Of what random neurons draw.
        correction
            `SRP` or `COS`, or "srp" or "cos": run each sample twice, the second time corrected by the first.
        exit
            An `EarlyExit`: stop each sample as soon as its read-out is sure enough.
        profile
            Whether to keep where the time went: `CpuDeployment.profile`.
        """
        seed = seed_from(options, self.name)
        unknown = [name for name in options if name not in _OPTIONS]
        if unknown:
            raise UsageError(f"the cpu backend takes the options {', '.join(_OPTIONS)}, received {', '.join(unknown)}")
        for name, what in (("memory", "bytes"), ("batch", "samples"), ("n_jobs", "threads")):
            value = options.get(name, 1)
            left_open = value is None and name != "memory"
            if not left_open and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
                raise UsageError(f"the cpu backend takes a number of {what} as {name}, received {value!r}")
        if options.get("correction") is not None:
            options["correction"] = correction_named(options["correction"])
            require_correctable(graph)
        early = options.get("exit")
        if early is not None:
            if not isinstance(early, EarlyExit):
                raise UsageError(f"the cpu backend takes an EarlyExit as exit, received {early!r}")
            Confidence.of(graph, early.rule)
        return CpuDeployment(graph, Options(seed=seed, **options))
