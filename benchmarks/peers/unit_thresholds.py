"""The same spiking network with every threshold at 1 and spikes of height 1, as the peers' neurons have them.

A neuron with the threshold θ that sends spikes of height θ does what one with the threshold 1 does that sends ones, if
the weights behind it are multiplied by θ and those before it are divided by their own neuron's. Currents that the
calibration added go into the biases where they are one number a channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spiking_graph import Node, readers

Array = np.ndarray


class NotForPeersError(ValueError):
    """The network holds what the peers' copy cannot say."""


def with_unit_thresholds(nodes: list[Node]) -> list[Node]:
    """Return the rescaled network.

    Neurons keep ``initial_voltage`` (in thresholds) and, where a bias could not take it, ``current`` (thresholds a
    step); a node of the kind ``Scale`` multiplies by its ``factor`` where no weights could.

    Raises
    ------
    NotForPeersError
        For ops or neurons that it does not know.
    """
    return _Rescaling(nodes).made


class _Rescaling:
    """Walks the nodes in order; ``unit[name]`` is what a value 1 at the rescaled node stands for, by channel."""

    def __init__(self, nodes: list[Node]) -> None:
        self._readers = readers(nodes)
        self._nodes = {node.name: node for node in nodes}
        self._unit: dict[str, Array] = {}
        self._corrected: set[str] = set()  # neurons whose correction a bias has taken
        self.made: list[Node] = []
        for node in nodes:
            step = getattr(self, f"_{node.kind.lower()}", None)
            if step is None:
                raise NotForPeersError(f"{node.name}: expected layers that the peers' copy knows, received {node.kind}")
            step(node)

    def _add_node(self, node: Node, unit: Array, **changed: Any) -> None:
        self.made.append(node._replace(settings={**node.settings, **changed}))
        self._unit[node.name] = unit

    def _input(self, node: Node) -> None:
        self._add_node(node, np.ones(1))

    def _conv(self, node: Node) -> None:
        (unit,), kernel = (self._unit[i] for i in node.inputs), node.settings["kernel"].astype(np.float64)
        groups = node.settings["groups"]
        filters = kernel.shape[-1] // groups
        by_channel = np.broadcast_to(unit, (groups * kernel.shape[-2],)).reshape(groups, -1)
        kernel = kernel * np.repeat(by_channel.T, filters, axis=1)
        self._weighted(node, kernel)

    def _dense(self, node: Node) -> None:
        (unit,), kernel = (self._unit[i] for i in node.inputs), node.settings["kernel"].astype(np.float64)
        self._weighted(node, kernel * np.broadcast_to(unit, kernel.shape[:1])[:, None])

    def _weighted(self, node: Node, kernel: Array) -> None:
        """Finish a layer with weights, whose filters may be divided by the threshold that they feed."""
        bias = node.settings["bias"]
        bias = np.zeros(kernel.shape[-1]) if bias is None else bias.astype(np.float64)
        neurons, unit = self._fed(node), np.ones(1)
        if neurons is not None:
            unit, correction = _threshold(neurons), neurons.settings["correction"]
            by_channel = correction.size == 1 or correction.shape[-1] == correction.size
            if by_channel and neurons.name not in self._corrected:
                bias = bias + correction.reshape(-1)
                self._corrected.add(neurons.name)
        self._add_node(node, unit, kernel=(kernel / unit).astype(np.float32), bias=(bias / unit).astype(np.float32))

    def _fed(self, node: Node) -> Node | None:
        """The neurons that a node feeds and nothing else does, through additions or not."""
        while len(self._readers[node.name]) == 1:
            (node,) = self._readers[node.name]
            if node.kind == "Neurons":
                return node
            if node.kind != "Add":
                return None
        return None

    def _add(self, node: Node) -> None:
        neurons = self._fed(node)
        unit = np.ones(1) if neurons is None else _threshold(neurons)
        if len(node.settings["factors"]):
            raise NotForPeersError(f"{node.name}: expected a plain sum, received one with factors")
        self._add_node(node._replace(inputs=tuple(self._in_unit(i, unit, node.name) for i in node.inputs)), unit)

    def _avgpool(self, node: Node) -> None:
        self._add_node(node, self._unit[node.inputs[0]])

    def _reshape(self, node: Node) -> None:
        before = self._nodes[node.inputs[0]].shape
        self._add_node(node, np.broadcast_to(self._unit[node.inputs[0]], before).reshape(node.shape))

    def _neurons(self, node: Node) -> None:
        known = {"n_min": 0, "n_max": 1, "reset": "subtract", "v_min": None, "tau_rc": None, "tau_n": None, "noise": ""}
        if any(node.settings[key] != value for key, value in known.items()) or node.settings["tau_ref"]:
            raise NotForPeersError(f"{node.name}: expected binary neurons with reset by subtraction, received others")
        unit = _threshold(node)
        left = np.zeros(1) if node.name in self._corrected else node.settings["correction"] / unit
        source = self._in_unit(node.inputs[0], unit, node.name)
        settings = {"initial_voltage": node.settings["initial_voltage"], "current": left.astype(np.float32)}
        self.made.append(node._replace(inputs=(source,), settings=settings))
        self._unit[node.name] = unit

    def _output(self, node: Node) -> None:
        self._add_node(node._replace(inputs=(self._in_unit(node.inputs[0], np.ones(1), node.name),)), np.ones(1))

    def _in_unit(self, name: str, unit: Array, reader: str) -> str:
        """The name of this node's value in another unit: its own, or that of a ``Scale`` put behind it."""
        factor = self._unit[name] / unit
        if np.all(factor == 1):
            return name
        scaled = f"{name} for {reader}"
        self.made.append(Node(scaled, "Scale", (name,), self._nodes[name].shape, {"factor": factor.astype(np.float32)}))
        return scaled


def _threshold(node: Node) -> Array:
    return np.asarray(node.settings["threshold"], np.float64)
