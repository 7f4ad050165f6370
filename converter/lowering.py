"""From layer calls to the first graph: handlers make the ops, every failure becomes a report entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import ConversionError, GraphError
from .graph import MAX_VALUES, Graph, Node, is_plausible
from .layer_call import LayerCall, ModelRecord
from .layers import LayerRegistry, UnsupportedLayerError
from .ops import (
    Activation,
    AtEachStep,
    Cell,
    Dot,
    Extremum,
    Gather,
    HostLayer,
    Identity,
    Input,
    MaxPool,
    Multiply,
    Neurons,
    Op,
    Output,
    OverTime,
    PReLU,
    Reduce,
    ScaleShift,
    Shape,
    Standardize,
    UnitLength,
)
from .report import Entry, ReportBuilder

__all__ = ["lower"]


def lower(record: ModelRecord, layers: LayerRegistry, report: ReportBuilder) -> Graph:
    """Return the graph of a model, before any pass.

    It goes on to the end whatever it meets, so that the report holds every reason.

    Raises
    ------
    ConversionError
        When a layer cannot be converted: once, with every reason.
    """
    nodes: list[Node] = []
    ends: dict[str, str | None] = {}  # call → its last node; None after a failure
    shapes: dict[str, Shape] = {}
    mishaps: list[Exception] = []
    for call in record.calls:
        report.layer(_entry(call, "linear"))
        sources = [ends[name] for name in call.inputs]
        known = [name for name in sources if name is not None]
        if len(known) < len(sources):
            _explain_after_failure(call, layers, report)
            ends[call.name] = None
            continue
        given = tuple(shapes[name] for name in known)
        try:
            if call.refusal[0]:
                raise UnsupportedLayerError(*call.refusal)
            made = _nodes_of(replace(call, input_shapes=given), layers, tuple(known), shapes)
        except UnsupportedLayerError as reason:
            report.layer(_entry(call, reason.code, reason.detail))
            ends[call.name] = None
            continue
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # an argument that its handler did not think of, or a defect of the handler: told, the cause kept
            report.layer(_entry(call, "unsupported-argument", f"{type(error).__name__}: {error}"))
            ends[call.name] = None
            mishaps.append(error)
            continue
        nodes += made
        ends[call.name] = made[-1].name
        report.layer(_entry(call, _code([n.op for n in made]), _detail([n.op for n in made])))
        if call.layer_type == "InputLayer" and call.config.get("given"):
            report.note("input-shape-given", f"{call.name}: {call.config['shape']}")
        for code, detail in call.notes:
            report.note(code, f"{call.name}: {detail}")
    try:
        report.build().require_convertible()
    except ConversionError as error:
        raise error from (mishaps[0] if mishaps else None)
    outputs = {}
    for name, call_name in record.outputs.items():
        end = ends.get(call_name)
        if end is None:
            raise GraphError(f"{name}: expected an output of the model, found none")
        node = Node(name=f"output:{name}", op=Output(), inputs=(end,), layers=())
        nodes.append(node)
        outputs[name] = node.name
    return Graph.build(nodes, outputs)


def _nodes_of(call: LayerCall, layers: LayerRegistry, inputs: tuple[str, ...], shapes: dict[str, Shape]) -> list[Node]:
    """Return a call's ops as a chain of nodes; the last one has the call's own name. Shapes are added to ``shapes``."""
    ops = layers.lower(call) or (Identity(),)
    made: list[Node] = []
    for index, op in enumerate(ops):
        last = index == len(ops) - 1
        name = call.name if last else f"{call.name}/{op.kind.lower()}{index or ''}"
        source = (made[-1].name,) if made else inputs
        try:
            shapes[name] = op.output_shape(*(shapes[i] for i in source))
        except ValueError as error:
            raise UnsupportedLayerError("shape-mismatch", str(error)) from None
        if not is_plausible(shapes[name]):
            detail = f"its output would be {shapes[name]}; takes at most {MAX_VALUES:,} values a sample"
            raise UnsupportedLayerError("unsupported-argument", detail)
        made.append(Node(name=name, op=op, inputs=source, layers=(call.name,)))
    return made


def _explain_after_failure(call: LayerCall, layers: LayerRegistry, report: ReportBuilder) -> None:
    """Say of a layer behind an unconvertible one what can be said without its shapes."""
    if call.refusal[0]:
        report.layer(_entry(call, *call.refusal))
        return
    refusal = "unknown-layer" if call.layer_type not in layers else layers[call.layer_type].refusal
    report.layer(_entry(call, refusal or "after-unsupported"))


def _entry(call: LayerCall, code: str, detail: str = "") -> Entry:
    parameters = sum(int(w.size) for w in call.weights.values())
    return Entry(
        code=code,
        layer=call.name,
        layer_type=call.layer_type,
        detail=detail,
        figures={"parameters": parameters} if parameters else {},
    )


def _code(ops: Sequence[Op]) -> str:
    """Return what a layer's ops say became of it; passes may say better later."""
    kinds: tuple[tuple[type[Op], str], ...] = (
        (Input, "input"),
        (AtEachStep, "each-step"),
        (Neurons, "trained-neurons"),
        (Identity, "identity"),
        (HostLayer, "layer-host"),
        (MaxPool, "max-pool-host"),
        (Multiply, "merge-host"),
        (Extremum, "merge-host"),
        (Dot, "merge-host"),
        (Standardize, "own-statistics-host"),
        (UnitLength, "own-statistics-host"),
        (Gather, "looked-up"),
        (PReLU, "activation-host"),
    )
    ops = [op.op if isinstance(op, OverTime) else op for op in ops]
    for op in ops:
        if isinstance(op, Cell):
            return "trained-neurons" if op.fires else "trained-state"
        if isinstance(op, Activation):
            return "spiking" if op.is_relu else "activation-host"
        if isinstance(op, Reduce) and not op.linear:
            return "merge-host"
        for kind, code in kinds:
            if isinstance(op, kind):
                return code
    if any(isinstance(op, ScaleShift) for op in ops):
        return "scale-shift"
    moves = {"Reshape", "Permute", "Pad", "Crop", "Slice", "Upsample", "Concatenate"}
    return "rearranged" if all(op.kind in moves for op in ops) else "linear"


def _detail(ops: Sequence[Op]) -> str:
    for op in ops:
        if isinstance(op, Activation) and not op.is_relu:
            return op.function
        if isinstance(op, Identity) and op.why:
            return op.why
    return ""
