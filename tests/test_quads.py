"""Multiplying the numbers of all events gives what adding the weights of the events does, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from spikeport.backends.cpu.engine.add_quads import MULTIPLIES_QUADS
from spikeport.backends.cpu.engine.event_lists import EventLists, list_events, padded_channels
from spikeport.backends.cpu.engine.exact import add_exactly
from spikeport.backends.cpu.engine.gather import gather
from spikeport.backends.cpu.engine.quads import (
    LARGEST,
    Quads,
    Unpacked,
    add_products_exactly,
    gather_quads,
    is_quicker,
    quads_of,
    unpack,
)
from spikeport.backends.cpu.engine.row_map import RowMap, row_map
from spikeport.backends.cpu.engine.way import Way
from spikeport.converter.ops import Conv

MAPS = {
    "8 to 16": (8, 16, 3, 1, 1),
    "8 to 40": (8, 40, 2, 1, 0),
    "16 to 64, stride 2": (16, 64, 3, 2, 1),
    "24 to 130": (24, 130, 1, 1, 0),
    "72 to 70, stride beyond the window": (72, 70, 2, 3, 1),
}
SHAPE = (5, 6)


def map_of(inputs: int, outputs: int, window: int, stride: int, padding: int) -> RowMap:
    """A convolution with weights from one end of the range to the other."""
    rng = np.random.default_rng(0)
    op = Conv(
        kernel=rng.normal(size=(window, window, inputs, outputs)),
        strides=(stride, stride),
        dilation=(1, 1),
        padding=((padding, padding), (padding, padding)),
    )
    to = row_map(op, (*SHAPE, inputs), padded_channels(inputs))
    return to._replace(weights=np.rint(to.weights / np.abs(to.weights).max() * LARGEST).astype(np.int32))


def listed(numbers: np.ndarray, channels: int) -> EventLists:
    steps, samples, _ = numbers.shape
    lists = EventLists(
        np.zeros(numbers.size + 64, np.int32),
        np.zeros(numbers.size + 64, np.int8),
        np.zeros((samples, SHAPE[0] * SHAPE[1] * steps + 1), np.int32),
    )
    list_events(numbers, *SHAPE, channels, padded_channels(channels), lists)
    return lists


def unpacked(to: RowMap, numbers: np.ndarray, sample: int, channels: int, n_min: int) -> tuple[Quads, Unpacked]:
    places, steps = SHAPE[0] * SHAPE[1], len(numbers)
    quads = quads_of(to, n_min, channels)
    sent = Unpacked(np.empty(places * steps * channels, np.uint8), np.zeros(places * (-(-steps // 16) * 16), np.int32))
    unpack(numbers, sample, quads, sent)
    return quads, sent


def gathered(to: RowMap, numbers: np.ndarray, sample: int, channels: int, n_min: int, row: int) -> list[np.ndarray]:
    """What a row receives, and the sizes of the events, by products and from lists."""
    steps = len(numbers)
    blocks, _, width = to.weights.shape
    lists = listed(numbers, channels)
    quads, sent = unpacked(to, numbers, sample, channels, n_min)
    made = []
    for way in ("products", "lists"):
        sums = np.zeros(to.columns * blocks * steps * width, np.int32)
        reach = np.zeros(to.columns * steps + 16, np.int32)
        if way == "products":
            gather_quads(sent, quads, steps, to, row, 0, to.columns, sums, reach)
        else:
            gather(lists, sample, steps, to, row, 0, to.columns, sums, reach)
        made += [sums, reach[: to.columns * steps]]
    return made


@pytest.mark.parametrize("case", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("steps", [1, 3, 15, 16, 21])
@pytest.mark.parametrize(("n_min", "n_max"), [(-1, 15), (0, 1), (-3, 100)])
def test_the_same_to_the_last_bit(case, steps, n_min, n_max):
    to, channels = map_of(*case), case[0]
    rng = np.random.default_rng(steps)
    numbers = rng.integers(n_min, n_max + 1, size=(steps, 3, SHAPE[0] * SHAPE[1] * channels)).astype(np.int8)
    for row in range(to.rows):
        sums, reach, expected, expected_reach = gathered(to, numbers, 1, channels, n_min, row)
        np.testing.assert_array_equal(sums, expected)
        np.testing.assert_array_equal(reach, expected_reach)


@pytest.mark.parametrize("case", MAPS.values(), ids=MAPS)
def test_the_same_in_float64(case):
    whole, channels, steps = map_of(*case), case[0], 7
    way = Way(whole, np.ascontiguousarray(whole.weights.transpose(0, 2, 1)).reshape(-1).astype(np.float64), 1)
    numbers = np.random.default_rng(0).integers(-1, 16, size=(steps, 1, 30 * channels)).astype(np.int8)
    lists = listed(numbers, channels)
    quads, sent = unpacked(whole, numbers, 0, channels, -1)
    for row, column, output in ((0, 0, 3), (whole.rows - 1, whole.columns - 1, whole.outputs - 1)):
        found, expected = np.zeros(steps), np.zeros(steps)
        add_products_exactly(sent, quads, steps, way, output, row, column, found)
        add_exactly(lists, 0, steps, way, output, row, column, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-6)
        assert np.abs(expected).max() > 0


def test_the_choice_goes_by_the_events():
    to = map_of(*MAPS["8 to 16"])
    assert is_quicker(to, 8, 0.9, 0.0) == MULTIPLIES_QUADS
    assert not is_quicker(to, 8, 0.01, 0.0)
    assert not is_quicker(to, 7, 0.9, 0.0)  # channels that do not come in eights


def test_processors_without_the_instruction_compute_the_same(tmp_path):
    script = (
        "import numpy as np, test_quads as t\n"
        "assert not t.MULTIPLIES_QUADS\n"
        "to = t.map_of(*t.MAPS['8 to 16'])\n"
        "numbers = np.random.default_rng(0).integers(-1, 16, size=(5, 1, 240)).astype(np.int8)\n"
        "sums, _, expected, _ = t.gathered(to, numbers, 0, 8, -1, 1)\n"
        "assert (sums == expected).all()\n"
    )
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=os.path.dirname(__file__), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
