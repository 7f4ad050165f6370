"""What a backend is: it says what it takes, prepares a graph, and runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..converter.graph import Graph
from ..converter.ops import Array, Neurons
from ..encoders import EncoderChoice

__all__ = ["Backend", "Deployment", "OnProgress", "RunResult", "Verdict", "silent"]

OnProgress = Callable[[int], None]
"""Called with the number of samples finished since the last call."""


def silent(done: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a backend makes of one node.

    Attributes
    ----------
    where
        "neurons", "host", "folded" (into a neighbour) or "refused".
    why
        A clause with the numbers: "5,120 input axons; a core holds 4,096".
    """

    node: str
    where: str
    why: str = ""
    layers: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Say whether the backend cannot run a network with this node."""
        return self.where == "refused"


@dataclass(frozen=True, eq=False, kw_only=True)
class RunResult:
    """What a network did.

    Attributes
    ----------
    outputs_over_time
        Keras output name → ``(samples, steps, *shape)``: the read-out at each step, in the Keras output's units. The
        last step is the answer.
    spike_counts
        Population → ``(samples,)``: how many events it sent, a graded event of size n counted once.
    synaptic_operations
        ``(samples,)``: additions that these events cause, one for each synapse that an event passes.
    events
        Population → ``(samples, steps, *shape)`` int8: the events themselves, for the populations asked for.
    n_steps
        How many steps were run.
    input_events
        ``(samples,)``: how many events entered; None where no encoder makes events of the input.
    extra_steps
        How many steps each sample was run besides, before those of the outputs; their events are counted too.
    steps_taken
        ``(samples,)``: the step at which each sample stopped. From there on its outputs stay what they were, and its
        events are not counted. None where all samples ran to the end.
    """

    outputs_over_time: Mapping[str, Array]
    spike_counts: Mapping[str, Array] = field(default_factory=dict)
    synaptic_operations: Array | None = None
    events: Mapping[str, Array] = field(default_factory=dict)
    n_steps: int
    input_events: Array | None = None
    extra_steps: int = 0
    steps_taken: Array | None = None

    @property
    def outputs(self) -> dict[str, Array]:
        """Return the read-out at the last step, by Keras output name: ``(samples, *shape)``."""
        return {name: values[:, -1] for name, values in self.outputs_over_time.items()}

    @property
    def output(self) -> Array:
        """Return the read-out of the first output at the last step: ``(samples, *shape)``."""
        return next(iter(self.outputs.values()))


class Deployment(Protocol):
    """A graph that a backend has prepared."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return what the backend says of this network, as JSON values: cores, neurons, what stays on the host."""
        ...

    def run(
        self,
        samples: Sequence[Array],
        n_steps: int,
        *,
        encoder: EncoderChoice | None = None,
        first: int = 0,
        record: Iterable[str] = (),
        on_progress: OnProgress = silent,
    ) -> RunResult:
        """Present samples for ``n_steps`` steps.

        Parameters
        ----------
        samples
            One array for each input of the graph: ``(samples, *shape)``, constant over the steps, or a sequence
            ``(samples, steps, *shape)`` of at least ``n_steps`` steps.
        encoder
            What makes currents of them; by default the values themselves.
        first
            The place of the first sample among all, where they come in several calls: random encoders and random
            neurons draw their numbers by it.
        record
            Populations whose events to keep.
        """
        ...


class Backend(Protocol):
    """A place to run a converted network."""

    name: str
    summary: str
    neurons: str  # the preset that suits it
    least_steps: int  # how long a sample is presented at least, where the user does not say

    def available(self) -> str:
        """Return "" if it can be used here, else what is missing and how to get it."""
        ...

    def takes(self, op: Neurons) -> str:
        """Return "" if it runs these neurons, else why not."""
        ...

    def check(self, graph: Graph) -> Iterable[Verdict]:
        """Say of each node what becomes of it, without building anything."""
        ...

    def deploy(self, graph: Graph, **options: Any) -> Deployment:
        """Prepare the spiking graph.

        Raises
        ------
        BackendError
            When it does not fit, with every reason.
        """
        ...
