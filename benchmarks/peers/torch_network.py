"""A converted network in PyTorch, layer by layer over all steps, with whatever neurons it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from spiking_graph import Node, readers
from unit_thresholds import NotForPeersError

Tensor = torch.Tensor
Fire = Callable[[Tensor], Tensor]
"""From the currents of all steps to the spikes; made for one population."""

_MOST_BYTES = 2**29  # of the largest layer's spikes over all steps


def batch_sizes(nodes: Sequence[Node], steps: int, wanted: Sequence[int] = (16, 64, 256)) -> list[int]:
    """The batch sizes that are worth a try: those that fit the memory."""
    largest = max(int(np.prod(node.shape)) for node in nodes) * 4 * steps
    return [b for b in wanted if b * largest <= _MOST_BYTES] or [max(1, _MOST_BYTES // largest)]


class TorchNetwork:
    """Runs batches. Values are constant, ``(batch, …)``, until the first neurons make them ``(steps, batch, …)``.

    Parameters
    ----------
    make_neurons
        From a node's initial voltage, which broadcasts to ``(batch, channels, …)``, to the population; None makes the
        dense network.
    time_axis
        0, or 1 for programs that want ``(batch, steps, …)``.
    """

    def __init__(
        self,
        nodes: list[Node],
        make_neurons: Callable[[Tensor], Fire] | None,
        steps: int,
        *,
        channels_last: bool = False,
        time_axis: int = 0,
    ) -> None:
        self._nodes, self._steps, self._time_axis = nodes, steps, time_axis
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._shapes, self._readers = {node.name: node.shape for node in nodes}, readers(nodes)
        self._by_name = {node.name: node for node in nodes}
        self._last = {name: node.name for node in nodes for name in node.inputs}  # who reads a value last
        self._work: dict[str, Callable[..., Tensor]] = {}
        for node in nodes:
            if node.kind == "Neurons":
                self._work[node.name] = self._neurons(node, make_neurons)
            elif node.kind != "Input":
                self._work[node.name] = getattr(self, f"_{node.kind.lower()}", self._unknown)(node)

    def samples(self, x: np.ndarray) -> Tensor:
        """Channels first, as PyTorch wants images."""
        tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim > 2 else x))
        return tensor.to(memory_format=self._format) if tensor.dim() == 4 else tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the class of each sample."""
        values: dict[str, tuple[Tensor, bool]] = {}
        for node in self._nodes:
            if node.kind == "Input":
                values[node.name] = (x, False)
                continue
            inputs = [values[name] for name in node.inputs]
            over_time = any(moving for _, moving in inputs)
            if node.kind in ("Neurons", "Output"):
                values[node.name] = self._work[node.name](*inputs[0])
            elif over_time:
                shape = next(value.shape[:2] for value, moving in inputs if moving)
                flat = [v.flatten(0, 1) if m else self._repeated(v).flatten(0, 1) for v, m in inputs]
                values[node.name] = (self._work[node.name](*flat).unflatten(0, shape), True)
            else:
                values[node.name] = (self._work[node.name](*(value for value, _ in inputs)), False)
            for name in set(node.inputs):
                if self._last[name] == node.name:
                    del values[name]
        return values[self._nodes[-1].name][0]

    def _repeated(self, constant: Tensor) -> Tensor:
        sizes = list(constant.shape)
        sizes.insert(self._time_axis, self._steps)
        return constant.unsqueeze(self._time_axis).expand(sizes)

    def _tensor(self, array: np.ndarray) -> Tensor:
        """One value for each channel or for each place of a sample, so that it broadcasts to a batch of them."""
        array = np.asarray(array, np.float32)
        if array.ndim == 1 or array.size == 1:
            return torch.from_numpy(array.reshape(-1))
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0)))

    def _broadcast(self, tensor: Tensor, rank: int) -> Tensor:
        return tensor.view(-1, *(1,) * (rank - 1)) if tensor.dim() == 1 and rank > 1 else tensor

    def _unknown(self, node: Node) -> Any:
        raise NotForPeersError(f"{node.name}: expected layers that the copy in PyTorch knows, received {node.kind}")

    def _neurons(self, node: Node, make: Callable[[Tensor], Fire] | None) -> Callable[..., tuple[Tensor, bool]]:
        if make is None:
            return lambda current, moving: (torch.relu(current), False)
        rank, current = len(node.shape), node.settings["current"]
        fire = make(self._broadcast(self._tensor(node.settings["initial_voltage"]), rank))
        added = self._broadcast(self._tensor(current), rank) if np.any(current) else None

        def run(value: Tensor, moving: bool) -> tuple[Tensor, bool]:
            value = value if added is None else value + added
            return fire(value if moving else self._repeated(value)), True

        return run

    def _output(self, node: Node) -> Callable[[Tensor, bool], tuple[Tensor, bool]]:
        start, axis = min(node.settings["start"], max(self._steps - 1, 0)), self._time_axis

        def run(value: Tensor, moving: bool) -> tuple[Tensor, bool]:
            mean = value.narrow(axis, start, self._steps - start).mean(axis) if moving else value
            return mean.argmax(-1), False  # softmax does not change which is the largest

        return run

    def _conv(self, node: Node) -> Callable[[Tensor], Tensor]:
        kernel = torch.from_numpy(np.ascontiguousarray(np.moveaxis(node.settings["kernel"], (-1, -2), (0, 1))))
        kernel = kernel.to(memory_format=self._format)
        bias = _tensor_or_none(node.settings["bias"])
        padding, groups = node.settings["padding"], node.settings["groups"]
        strides, dilation = tuple(node.settings["strides"]), tuple(node.settings["dilation"])
        if all(before == after for before, after in padding):
            symmetric = tuple(before for before, _ in padding)
            return lambda x: functional.conv2d(x, kernel, bias, strides, symmetric, dilation, groups)
        pads = [n for pair in reversed(padding) for n in pair]
        return lambda x: functional.conv2d(functional.pad(x, pads), kernel, bias, strides, 0, dilation, groups)

    def _dense(self, node: Node) -> Callable[[Tensor], Tensor]:
        kernel, before = node.settings["kernel"], self._by_name[node.inputs[0]]
        if before.kind == "Reshape" and len(self._shapes[before.inputs[0]]) == 3:  # flattened channels first here
            shape = self._shapes[before.inputs[0]]
            kernel = kernel.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        weight, bias = torch.from_numpy(np.ascontiguousarray(kernel.T)), _tensor_or_none(node.settings["bias"])
        return lambda x: functional.linear(x, weight, bias)

    def _reshape(self, node: Node) -> Callable[[Tensor], Tensor]:
        if len(node.shape) != 1 or any(reader.kind != "Dense" for reader in self._readers[node.name]):
            raise NotForPeersError(f"{node.name}: expected a reshape that flattens before a Dense, received another")
        return lambda x: x.flatten(1)

    def _avgpool(self, node: Node) -> Callable[[Tensor], Tensor]:
        if np.any(node.settings["padding"]):
            raise NotForPeersError(f"{node.name}: expected average pooling without padding, received some")
        size, strides = tuple(node.settings["pool_size"]), tuple(node.settings["strides"])
        return lambda x: functional.avg_pool2d(x, size, strides)

    def _add(self, node: Node) -> Callable[..., Tensor]:
        return lambda first, *others: sum(others, first)

    def _scale(self, node: Node) -> Callable[[Tensor], Tensor]:
        factor = self._broadcast(self._tensor(node.settings["factor"]), len(node.shape))
        return lambda x: x * factor


def _tensor_or_none(array: np.ndarray | None) -> Tensor | None:
    return None if array is None else torch.from_numpy(np.ascontiguousarray(array, np.float32))
