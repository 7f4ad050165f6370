"""How much memory a sample takes on its way, and how samples and steps are cut so that a run stays within bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...converter.graph import Graph
from ...converter.ops import Input, Neurons
from ...errors import BackendError
from .engine.plan import Plan

__all__ = ["Cut", "bytes_of_a_sample"]

_VALUE = 8  # bytes of a value, float64
_LISTED = 5  # bytes of an event in a list
_DENSITY = 0.25  # events for each neuron and step that are counted with; lists take memory as they are filled
_FAST = 2**23  # bytes of the events of a block, were each neuron's counted at each step; few of them are listed
_FAST_NUMPY = 2**25  # the same where NumPy computes the nodes, and each call costs more
_STRETCH = 4  # steps that a run which stops in between does at once, or so
_MOST = 256
_COUNTED = 2**31  # events of a sample that int32 can count


@dataclass(frozen=True)
class Cut:
    """How a run is cut: threads, samples that a thread runs at once, and steps that it runs at once."""

    jobs: int
    block: int
    steps: int

    @classmethod
    def fitting(
        cls, graph: Graph, plan: Plan, n_steps: int, memory: int, jobs: int, *, constant: bool, resumes: bool
    ) -> Cut:
        """Return the fastest cut within some bytes of memory.

        Parameters
        ----------
        constant
            Whether the inputs never change.
        resumes
            Whether the run stops between steps anyway.

        Raises
        ------
        BackendError
            When not even one sample in one step fits.
        """
        each = bytes_of_a_sample(graph, plan, n_steps, constant=constant, resumes=resumes)
        jobs = max(1, min(jobs, memory // each))
        largest = max(math.prod(n.shape) for n in graph.nodes.values())
        if each <= memory and largest * n_steps < _COUNTED:
            at_once = min(n_steps, _STRETCH) if resumes else n_steps
            fast = (_FAST if plan.takes_all else _FAST_NUMPY) // (largest * at_once)
            return cls(jobs, max(1, min(memory // (jobs * each), fast, _MOST)), n_steps)
        steps = n_steps
        while steps > 1 and (
            largest * steps >= _COUNTED
            or bytes_of_a_sample(graph, plan, steps, constant=constant, resumes=True) > memory
        ):
            steps = -(-steps // 2)
        least = bytes_of_a_sample(graph, plan, steps, constant=constant, resumes=True)
        if least > memory:
            raise BackendError(
                f"one sample takes about {_mebibytes(least)} MiB in a single step, and memory={memory} allows "
                f"{_mebibytes(memory)} MiB; allow more, in bytes"
            )
        return cls(1, 1, steps)


def bytes_of_a_sample(graph: Graph, plan: Plan, n_steps: int, *, constant: bool, resumes: bool) -> int:
    """Return about how many bytes a sample takes at most, while its nodes are computed one after the other."""
    left, held = dict(plan.readers), dict[str, float]()
    still: set[str] = set()  # nodes whose values never change
    remembered, most = 0, 0.0
    for node in graph.nodes.values():
        if node.name in plan.skipped:
            continue
        size, reads = math.prod(node.shape), plan.reads(node)
        if isinstance(node.op, Neurons):
            listed = (_LISTED + 4 / node.shape[-1]) * _DENSITY if node.name in plan.fused else 0
            numbers = 1 if plan.wants_numbers(node.name) or node.name not in plan.fused else 0
            held[node.name] = size * n_steps * (listed + numbers)
            remembered += (2 if node.op.plain else 4) * _VALUE * size if resumes else 0
        else:
            unchanging = constant if isinstance(node.op, Input) else all(name in still for name in reads)
            if unchanging:
                still.add(node.name)
            held[node.name] = _VALUE * size * (1 if unchanging else n_steps)
        most = max(most, sum(held.values()))
        for name in reads:
            left[name] -= 1
            if not left[name]:
                held.pop(name, None)
    return int(most) + remembered


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f}"
