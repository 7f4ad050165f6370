"""Move max pooling before the neurons."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..graph import Graph, Node
from ..ops import (
    Activation,
    Concatenate,
    Crop,
    MaxPool,
    OverTime,
    Pad,
    Permute,
    PReLU,
    Reduce,
    Reshape,
    ScaleShift,
    Slice,
    Upsample,
)
from ..report import ReportBuilder
from .base import reading_instead

__all__ = ["PoolBeforeNeurons"]

_MOVERS = (Crop, Pad, Permute, Reshape, Slice, Upsample)


class PoolBeforeNeurons:
    """Pool the currents into the neurons instead of their spikes: max(relu(z)) = relu(max(z)).

    The maximum is then taken of currents, which are exact from the first step on where the input is constant, instead
    of spike counts, which are not; and only the winners need a neuron. It holds for every function that never falls:
    for leaky, capped and parametric ReLUs too, and for the maximum over whole axes.

    Given::      relu1: Activation[relu] <- conv1        Result::   pool1: MaxPool <- conv1
                 pool1: MaxPool <- relu1                            relu1: Activation[relu] <- pool1

    What only moves values (zeros around the map, say) moves along: the ReLU of 0 is 0. A scale of at least 0 for each
    channel, with its shift, stays behind the ReLU: max(a·y + b) = a·max(y) + b.

    Given::      relu1: Activation[relu] <- conv1        Result::   pool1: MaxPool <- conv1
                 bn1: ScaleShift[a ≥ 0, b] <- relu1                 relu1: Activation[relu] <- pool1
                 pool1: MaxPool <- bn1                              bn1: ScaleShift[a ≥ 0, b] <- relu1

    Channels side by side are pooled each before its own neurons, where this can be done with all of them.

    Given::      relu1: Activation[relu] <- conv1        Result::   pool1/0: MaxPool <- conv1
                 relu2: Activation[relu] <- conv2                   pool1/1: MaxPool <- conv2
                 both: Concatenate <- relu1, relu2                  relu1: Activation[relu] <- pool1/0
                 pool1: MaxPool <- both                             relu2: Activation[relu] <- pool1/1
                                                                    both: Concatenate <- relu1, relu2

    Left alone: a ReLU that something else reads too, a scale below 0 in any channel, and a shift before zeros that are
    put around the map.
    """

    def __call__(self, graph: Graph, report: ReportBuilder) -> Graph:
        places: dict[tuple[str, ...], list[str]] = {}
        while (found := _movable(graph)) is not None:
            pool, way = found
            if way is None:
                graph = _split(graph, pool, graph.input_of(pool))
                continue
            places.setdefault(pool.layers, []).append(way.relu.layers[0])
            graph = _moved(graph, pool, way)
        for layers, relus in places.items():
            report.became(layers, "max-pool-before-neurons", f"before the neurons of {', '.join(relus)}")
        return graph


@dataclass(frozen=True)
class _Way:
    """What stands between a ReLU and a pool, in order: what moves values, and what scales them."""

    relu: Node
    movers: tuple[Node, ...]
    scales: tuple[Node, ...]


def _movable(graph: Graph) -> tuple[Node, _Way | None] | None:
    """Return a pool with the way to its ReLU; no way for a pool of channels side by side that each have one."""
    for pool in graph.nodes.values():
        inner = pool.op.op if isinstance(pool.op, OverTime) else pool.op
        window = isinstance(inner, MaxPool)
        if not (window or (isinstance(inner, Reduce) and inner.how == "max")):
            continue
        source = graph.input_of(pool)
        if (way := _way(graph, pool, source, window=window)) is not None:
            return pool, way
        if window and isinstance(source.op, Concatenate) and source.op.axis == len(source.shape) - 1:
            branches = (graph.nodes[name] for name in source.inputs)
            if graph.only_consumer(source) is pool and all(_way(graph, source, b, window=True) for b in branches):
                return pool, None
    return None


def _way(graph: Graph, reader: Node, source: Node, *, window: bool) -> _Way | None:
    """Follow the graph back from a reader to a ReLU, through nodes that are each read by the next alone.

    ``window`` says that the pool keeps channels apart, so that each may have a scale of its own.
    """
    movers: list[Node] = []
    scales: list[Node] = []
    while graph.only_consumer(source) is reader:
        op = source.op
        if (isinstance(op, Activation) and _rises(op)) or isinstance(op, PReLU):
            by_channel = [*scales, *([source] if isinstance(op, PReLU) else [])]
            ok = all(window and _keeps_order(n, movers) for n in by_channel)
            return _Way(source, tuple(movers), tuple(scales)) if ok else None
        if isinstance(op, ScaleShift):
            if op.shift.any() and movers:  # zeros around the map are put there after the shift
                return None
            scales.insert(0, source)
        elif isinstance(op, _MOVERS):
            movers.insert(0, source)
        else:
            return None
        reader, source = source, graph.input_of(source)
    return None


def _rises(op: Activation) -> bool:
    """Say whether this is a ReLU that is 0 at 0 and never falls."""
    slope, maximum = (op.arguments.get(name) for name in ("negative_slope", "max_value"))
    rises = float(slope or 0.0) >= 0 and (maximum is None or maximum > 0)
    return op.function == "relu" and rises and not op.arguments.get("threshold")


def _keeps_order(node: Node, movers: list[Node]) -> bool:
    """Say whether a scale is at least 0 and the same all over a channel, and all movers leave the channels in place."""
    arrays = [node.op.scale, node.op.shift] if isinstance(node.op, ScaleShift) else []
    arrays += [node.op.alpha] if isinstance(node.op, PReLU) else []
    alike = all(a.size == (a.shape[-1] if a.ndim else 1) for a in arrays)
    within = all(isinstance(m.op, Pad) and m.op.padding[-1] == (0, 0) for m in movers)
    return alike and within and not (arrays[0] < 0).any()


def _moved(graph: Graph, pool: Node, way: _Way) -> Graph:
    """Return the graph with the pool, behind the movers, before its ReLU, and the scales behind that."""
    before, changed = way.relu.inputs, []
    for node in (*way.movers, pool, way.relu, *way.scales):
        changed.append(replace(node, inputs=before))
        before = (node.name,)
    readers = reading_instead(graph, graph.consumers[pool.name], pool.name, before[0])
    return graph.rewritten([*changed, *readers])


def _split(graph: Graph, pool: Node, side_by_side: Node) -> Graph:
    """Return the graph with a pool for each branch of a Concatenate, before it."""
    pools = [
        replace(pool, name=f"{pool.name}/{index}", inputs=(name,)) for index, name in enumerate(side_by_side.inputs)
    ]
    both = replace(side_by_side, inputs=tuple(p.name for p in pools))
    return graph.rewritten([*pools, both], redirect={pool.name: both.name})
