"""The loihi backend: says what goes on the chip and why not, and deploys on the emulator or on hardware."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ...converter.graph import Graph, Node
from ...converter.ops import Array, MaxPool, Neurons
from ...errors import BackendError, UsageError
from ..contract import Verdict
from ..seeds import seed_from
from .compatibility import NOT_INSTALLED
from .fit import Fit, fit
from .folding import Folding, fold
from .partition import Partition, is_population, partition
from .trained_neurons import is_trained, why_not_trained
from .trained_scaling import why_not_in_time

if TYPE_CHECKING:
    from .deployment import LoihiDeployment

__all__ = ["LoihiBackend"]

_NO_NXSDK = (
    "target='loihi' needs Loihi hardware and NxSDK 0.9 or 1.0, which Intel gives to members of its research community; "
    "it is not installed here. Use target='sim', the emulator"
)
_TARGETS = ("sim", "float", "loihi")
_OWN_NEURON = "the chip has an integrate-and-fire neuron of its own, which stands in for graded and binary neurons only"
_ALONE = (
    "real values drive it, and the host would have to encode them as spikes, which is not what was trained: put "
    "neurons before it, or run with backend='cpu'"
)
_SEVERAL = (
    "it sends several events in a step, and an axon of the chip takes one spike: train with Leaky or LIF, or run with "
    "backend='cpu'"
)
_FOR_GRADED = "; the chip's own neuron, which sends one spike a step at most, stands in for graded ones"


class LoihiBackend:
    """Intel's Loihi chip, by way of nengo-loihi."""

    name = "loihi"
    summary = "Loihi's neuro-cores, emulated bit for bit or on hardware; ReLU networks with average pooling"
    neurons = "binary"
    least_steps = 32

    def available(self) -> str:
        """Return "" if nengo-loihi is installed."""
        return "" if find_spec("nengo_loihi") is not None else NOT_INSTALLED

    def takes(self, op: Neurons) -> str:
        """Return "" for neurons whose place the chip's own take: those that only integrate and fire."""
        return _why_not(op)

    def check(self, graph: Graph) -> Iterator[Verdict]:
        """Say of each node where it goes; of a population on the chip, how many cores it takes and what fills them."""
        parts = partition(graph)
        folding = fold(graph, parts)
        return _verdicts(graph, parts, folding, fit(folding))

    def deploy(self, graph: Graph, **options: Any) -> LoihiDeployment:
        """Prepare the spiking graph.

        Parameters
        ----------
        target
            "sim", the emulator; "float", the same without rounding, to see what rounding costs; or "loihi", hardware.
        calibration
            Samples like those to come, one array for each input: they make the read-out more exact.
        seed
            Of the simulator; nothing in a converted network is random.
        n_jobs
            Threads of the emulator; by default one for each processor.
        batch
            How many samples are run at once at most, 64 by default.
        memory
            About how many bytes the spikes of these may take, 256 MiB by default.
        precompute, hardware_options
            Of ``nengo_loihi.Simulator``, with target "loihi" only. By default all that the host sends is computed
            before the chip runs; with ``precompute=False`` it is sent step by step, within
            ``snip_max_spikes_per_step``, which is chosen from the spikes of the calibration samples.
        """
        target, seed = options.pop("target", "sim"), seed_from(options, self.name)
        calibration = _calibration(graph, options.pop("calibration", None))
        limits = [name for name in ("n_jobs", "batch", "memory") if name in options]
        how: dict[str, Any] = {name: _at_least_one(name, options.pop(name)) for name in limits}
        if target == "loihi":
            how |= {name: options.pop(name) for name in ("precompute", "hardware_options") if name in options}
        if options:
            raise UsageError(
                "the loihi backend takes the options target, calibration, seed, n_jobs, batch and memory, and with "
                f"target='loihi' precompute and hardware_options, received {', '.join(options)}"
            )
        if target not in _TARGETS:
            raise UsageError(f"expected target='sim', target='float' or target='loihi', received {target!r}")
        parts = partition(graph)
        folding = fold(graph, parts)
        fitted = fit(folding)
        refused = [v for v in _verdicts(graph, parts, folding, fitted) if v.refused]
        if refused:
            raise BackendError("the network does not go on Loihi: " + "; ".join(f"{v.node}: {v.why}" for v in refused))
        bare = [p.name for p in folding.populations.values() if p.scale is None and not p.encodes]
        if bare:
            raise BackendError(f"{bare[0]}: expected a converted network, received ReLUs: convert it first")
        if missing := self.available():
            raise BackendError(missing)
        trained = is_trained(graph)
        if trained and target == "loihi":
            raise BackendError("target='loihi': expected a converted network, received one that was trained on spikes")
        if target == "loihi" and find_spec("nxsdk") is None:
            raise BackendError(_NO_NXSDK)
        from .deployment import LoihiDeployment  # which imports the compiler
        from .trained_deployment import TrainedDeployment

        kind = TrainedDeployment if trained else LoihiDeployment
        return kind(graph, folding, fitted, target=target, calibration=calibration, seed=seed, **how)


def _calibration(graph: Graph, samples: Sequence[Array] | Array | None) -> Sequence[Array] | None:
    """Return calibration samples as one array for each input."""
    if samples is None:
        return None
    arrays = [samples] if isinstance(samples, np.ndarray) else list(samples)
    expected = [node.shape for node in graph.inputs]
    received = [tuple(x.shape[1:]) for x in arrays]
    if received != expected or not len(arrays[0]):
        raise UsageError(f"calibration: expected samples of shape {expected}, received {received}")
    return arrays


def _at_least_one(name: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise UsageError(f"the loihi backend takes a whole number from 1 as {name}, received {value!r}")
    return int(value)


def _why_not(op: Neurons) -> str:
    return "" if op.plain else _OWN_NEURON


def _verdicts(graph: Graph, parts: Partition, folding: Folding, fitted: Fit) -> Iterator[Verdict]:
    populations, trained = is_population(graph), is_trained(graph)
    refused = _refused_trained(graph, parts, folding, populations) if trained else {}
    for node in graph.nodes.values():
        if node.name in refused:
            where, why = "refused", refused[node.name]
        else:
            where, why = _verdict(node, parts, folding, fitted, node.name in populations, trained)
        yield Verdict(node=node.name, where=where, why=why, layers=node.layers)


def _refused_trained(graph: Graph, parts: Partition, folding: Folding, populations: Iterable[str]) -> dict[str, str]:
    """Return what of a network that was trained on spikes does not go on the chip: its dynamics, its delays."""
    alone = {name: _ALONE for name in parts.chip if parts.encoded}
    found = {name: why for name in parts.chip if (why := why_not_trained(graph.nodes[name].op))}
    several = {
        name: _SEVERAL
        for name in populations
        if name not in parts.chip and isinstance(op := graph.nodes[name].op, Neurons) and (op.n_min, op.n_max) != (0, 1)
    }
    return {**why_not_in_time(folding), **several, **alone, **found}


def _verdict(
    node: Node, parts: Partition, folding: Folding, fitted: Fit, spikes: bool, trained: bool
) -> tuple[str, str]:
    name, op = node.name, node.op
    if isinstance(op, Neurons) and not trained and (variant := _why_not(op)):
        return "refused", f"{variant}: convert the model with neurons='binary', or run with backend='cpu'"
    if why := parts.refused.get(name) or folding.too_large.get(name):
        return "refused", why
    if name in fitted.misfits:
        return "refused", f"{fitted.misfits[name]}, or run with backend='cpu'"
    if name in folding.unplaced:
        return "neurons", f"on the chip, if it did not read {folding.unplaced[name]}"
    if name in fitted.fitted:
        placement = fitted.fitted[name].placement
        cores = "core" if placement.n_cores == 1 else "cores"
        block = " × ".join(str(n) for n in placement.block_shape if n > 1) or "1"
        stand_in = _FOR_GRADED if not trained and isinstance(op, Neurons) and op.n_max > 1 else ""
        return "neurons", f"on the chip: {placement.n_cores} {cores} of {block} neurons; {placement.binding}{stand_in}"
    n = math.prod(node.shape)
    if name in parts.encoded:
        return "host", f"{n:,} neurons on the host turn its values into spikes, as many again where some are negative"
    if spikes:
        return "host", f"{n:,} neurons on the host: real values drive them, and the chip takes spikes only"
    if name in parts.folded:
        return "folded", "into the weights and biases of the chip"
    if isinstance(op, MaxPool):
        return "host", "computed with real values, before the first neurons or behind the last: exact"
    return "host", "computed with real values"
