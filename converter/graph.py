"""Graph: ops with names, in an order in which they can be computed. Nothing in it is edited in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import GraphError
from .ops import Array, Input, Op, Output, Shape

__all__ = ["MAX_VALUES", "Graph", "Node", "is_plausible"]


MAX_VALUES = 2**28
"""The most values of one sample at a node: 1 GiB in float32. A config may claim any size, and memory is taken by it."""


def is_plausible(shape: Shape) -> bool:
    """Say whether memory may be taken for a sample of this shape."""
    return all(n > 0 for n in shape) and math.prod(shape) <= MAX_VALUES


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One op at its place.

    Attributes
    ----------
    inputs
        The names of the nodes that it reads.
    layers
        The Keras layers that it came from; kept through every fusion.
    shape
        The shape of one sample of its output; filled in by the graph.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    shape: Shape = ()


@dataclass(frozen=True, eq=False)
class Graph:
    """A network of ops.

    Attributes
    ----------
    nodes
        Name → node, each after the nodes that it reads, without any that nothing reads (inputs and outputs excepted).
    outputs
        Keras output name → name of the Output node; a fusion never renames what the user sees.
    """

    nodes: Mapping[str, Node]
    outputs: Mapping[str, str]

    @classmethod
    def build(cls, nodes: Iterable[Node], outputs: Mapping[str, str]) -> Graph:
        """Return the verified graph of these nodes, given in any order.

        Raises
        ------
        GraphError
            For a name used twice, an input that does not exist, a cycle, or shapes that do not fit.
        """
        named: dict[str, Node] = {}
        for node in nodes:
            if node.name in named:
                raise GraphError(f"{node.name}: expected a name of its own, received one that is taken")
            named[node.name] = node
        wanted = [n.name for n in named.values() if isinstance(n.op, Input)] + list(outputs.values())
        shaped: dict[str, Node] = {}
        for node in _in_order(named, wanted):
            try:
                shape = node.op.output_shape(*(shaped[i].shape for i in node.inputs))
            except ValueError as error:
                raise GraphError(f"{node.name} ({node.op.kind}): {error}") from None
            if not is_plausible(shape):
                raise GraphError(
                    f"{node.name} ({node.op.kind}): expected at most {MAX_VALUES:,} values, claims {shape}"
                )
            shaped[node.name] = replace(node, shape=shape)
        if not outputs:
            raise GraphError("expected a network with outputs, found none")
        for name in outputs.values():
            if not isinstance(shaped[name].op, Output):
                raise GraphError(f"{name}: expected an Output at the end, received {shaped[name].op.kind}")
        return cls(shaped, dict(outputs))

    @property
    def inputs(self) -> tuple[Node, ...]:
        """Return the Input nodes, in the order of the Keras model."""
        return tuple(n for n in self.nodes.values() if isinstance(n.op, Input))

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """Return, for each node, the names of the nodes that read it."""
        readers: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in node.inputs:
                readers[name].append(node.name)
        return {name: tuple(r) for name, r in readers.items()}

    def only_consumer(self, node: Node) -> Node | None:
        """Return the one node that reads this one, None if several do."""
        readers = self.consumers[node.name]
        return self.nodes[readers[0]] if len(readers) == 1 else None

    def input_of(self, node: Node) -> Node:
        """Return the first node that this one reads."""
        return self.nodes[node.inputs[0]]

    def rewritten(self, changed: Iterable[Node] = (), *, redirect: Mapping[str, str] | None = None) -> Graph:
        """Return a graph with these nodes added or put in place of their namesakes.

        Parameters
        ----------
        changed
            New nodes.
        redirect
            Old name → new name: whatever reads the old node reads the new one instead, and the old one goes.
        """
        redirect = redirect or {}

        def target(name: str) -> str:
            while name in redirect:
                name = redirect[name]
            return name

        merged = {**self.nodes, **{n.name: n for n in changed}}
        nodes = (
            replace(n, inputs=tuple(target(i) for i in n.inputs)) for n in merged.values() if n.name not in redirect
        )
        return Graph.build(nodes, self.outputs)

    def evaluate(
        self,
        feeds: Mapping[str, Array],
        keep: Iterable[str] = (),
        *,
        watch: Callable[[str, Array], None] | None = None,
    ) -> dict[str, Array]:
        """Run the rate network: every op applied to activations.

        Parameters
        ----------
        feeds
            Input node name → samples of shape ``(batch, *shape)``.
        keep
            Nodes to return beside the outputs.
        watch
            Called with each node's name and values as they are computed; none is held longer than it is needed.

        Returns
        -------
        values
            Node name → ``(batch, *shape)`` for the outputs and the kept nodes.
        """
        kept = {*keep, *self.outputs.values()}
        left = {name: len(readers) for name, readers in self.consumers.items()}
        values: dict[str, Array] = {}
        for node in self.nodes.values():
            if isinstance(node.op, Input):
                values[node.name] = feeds[node.name]
            else:
                values[node.name] = node.op.apply(*(values[i] for i in node.inputs))
            if watch is not None:
                watch(node.name, values[node.name])
            for name in node.inputs:
                left[name] -= 1
                if not left[name] and name not in kept:
                    values.pop(name, None)
        return {name: values[name] for name in kept}


def _in_order(nodes: Mapping[str, Node], wanted: Iterable[str]) -> list[Node]:
    """Return the nodes that the wanted ones need, each after its inputs."""
    order: list[Node] = []
    done: set[str] = set()
    open_: set[str] = set()
    for start in wanted:
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, ready = stack.pop()
            if name in done:
                continue
            if name not in nodes:
                raise GraphError(f"{name}: expected a node of this name, found none")
            if ready:
                open_.discard(name)
                done.add(name)
                order.append(nodes[name])
                continue
            if name in open_:
                raise GraphError(f"{name}: expected a graph without cycles, this node reads its own output")
            open_.add(name)
            stack.append((name, True))
            stack.extend((i, False) for i in reversed(nodes[name].inputs) if i not in done)
    return order
