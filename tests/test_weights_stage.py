"""The weights stage: ridge regression towards the original, kept where held-out samples say so, and told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import small_files
import spikeport
from calibration_cases import GRAPHS, calibrated, residual, samples_for
from graphs import OUTPUT, RELU, conv, dense, graph_of, node, random
from spikeport.converter.dynamics import Signal
from spikeport.converter.graph import Graph
from spikeport.converter.ops import Conv, Dense, Input, Neurons, Op
from spikeport.converter.spiking import Stages
from spikeport.converter.spiking.weights import calibrate_weights, feeds_one_population

GROUPED = Conv(
    kernel=random(3, 2, 2, 6),
    bias=random(6),
    strides=(2, 1),
    dilation=(1, 2),
    padding=((1, 0), (0, 2)),
    groups=2,
)
DEPTHWISE = Conv(
    kernel=random(3, 3, 1, 4), bias=None, strides=(1, 1), dilation=(1, 1), padding=((1, 1), (1, 1)), groups=4
)
# op → the shape of its input
OPS = {
    "dense": (dense(6, 4), (6,)),
    "dense without bias": (dense(6, 4, bias=False), (6,)),
    "dense on a sequence": (dense(6, 4), (5, 6)),
    "dense with many inputs": (dense(300, 4), (300,)),
    "conv": (conv(2, 3), (7, 6, 2)),
    "conv with one axis": (
        Conv(kernel=random(3, 2, 4), bias=None, strides=(2,), dilation=(1,), padding=((1, 1),)),
        (9, 2),
    ),
    "grouped, strided, dilated": (GROUPED, (7, 9, 4)),
    "depthwise": (DEPTHWISE, (6, 5, 4)),
}
each_op = pytest.mark.parametrize(("op", "shape"), OPS.values(), ids=OPS)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def distorted(
    op: Op, shape: tuple[int, ...], samples: int = 120, noise: float = 0.02
) -> tuple[Signal, np.ndarray, np.ndarray]:
    """Trains whose channels bring too little, what the model has behind the op, and the undistorted input."""
    values = np.abs(random(samples, *shape))
    lost = np.linspace(0.5, 0.9, shape[-1], dtype=np.float32)
    mean = values * lost + 0.05 + noise * random(samples, *shape, seed=3)
    steps = np.stack([mean * 0.5, mean * 1.5])  # the mean over the steps is what counts
    return Signal(steps, False), op.apply(values), values


def error(op: Op, received: Signal, wanted: np.ndarray) -> float:
    found = op.apply(received.values.mean(axis=0))
    return float(np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2)))


@each_op
def test_what_the_trains_lose_is_put_into_the_weights(op, shape):
    received, wanted, _ = distorted(op, shape)
    found = calibrate_weights(op, received, wanted, rng())
    assert found.op is not op
    assert error(found.op, received, wanted) < 0.5 * error(op, received, wanted)
    assert found.op.kernel.shape == op.kernel.shape
    assert found.op.kernel.dtype == np.float32
    assert found.op.bias.shape == op.kernel.shape[-1:]
    assert found.figure.endswith("on held-out samples")
    before, after = (
        float(part.rstrip(" %")) for part in found.figure.removesuffix(" on held-out samples").split(" → ")
    )
    assert after < before


@each_op
def test_trains_that_are_right_leave_the_weights_alone(op, shape):
    values = np.abs(random(60, *shape))
    found = calibrate_weights(op, Signal(np.stack([values] * 3), False), op.apply(values), rng())
    assert found.op is op
    assert found.figure.startswith("unchanged")


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_fitted(seed):
    op = dense(30, 4)
    values = np.abs(random(40, 30, seed=seed))
    noisy = values + 0.3 * random(40, 30, seed=seed + 50)
    new = np.abs(random(400, 30, seed=seed + 99))
    found = calibrate_weights(op, Signal(np.stack([noisy] * 2), False), op.apply(values), rng()).op
    for_new = Signal(np.stack([new + 0.3 * random(400, 30, seed=seed + 150)] * 2), False)
    assert error(found, for_new, op.apply(new)) < 1.02 * error(op, for_new, op.apply(new))


def test_it_is_the_ridge_regression_of_its_formula():
    """For each strength the gradient of ‖X W' + b' − Z‖² + λ‖W' − W‖² is zero, with few places and with many."""
    from spikeport.converter.spiking.weights import _ridge

    for places, inputs in ((50, 8), (8, 50)):
        x, z = random(places, inputs).astype(np.float64), random(places, 3, seed=1).astype(np.float64)
        spread = float(np.sum((x - x.mean(axis=0)) ** 2)) / inputs
        strengths = [10.0**k for k in range(3, -4, -1)]
        for strength, (change, shift) in zip(strengths, _ridge(x, z), strict=True):
            left = x @ change + shift - z
            np.testing.assert_allclose(x.T @ left + strength * spread * change, 0, atol=1e-8)
            np.testing.assert_allclose(left.sum(axis=0), 0, atol=1e-8)


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_too_few_samples_change_nothing(samples):
    op, shape = OPS["conv"]
    received, wanted, _ = distorted(op, shape, samples)
    assert calibrate_weights(op, received, wanted, rng()).op is op


def test_a_constant_current_is_the_models_own():
    op, shape = OPS["dense"]
    values = np.abs(random(20, *shape))
    assert calibrate_weights(op, Signal(values[None], True), op.apply(values), rng()).op is op


def test_only_a_layer_that_one_population_alone_reads_is_fitted():
    graph, _ = calibrated(GRAPHS["two outputs"](), samples_for(GRAPHS["two outputs"]()))
    fitted = [name for name, place in graph.nodes.items() if feeds_one_population(graph, place)]
    assert fitted == ["d1"]  # d2 is an output as well, d3 feeds no neurons
    graph, _ = calibrated(residual(), samples_for(residual()))
    assert [name for name, place in graph.nodes.items() if feeds_one_population(graph, place)] == ["c1", "c2", "d"]


def lossy() -> Graph:
    """Two populations, one behind the other."""
    return graph_of(
        node("x", Input(shape=(12,))),
        node("d1", dense(12, 20), "x"),
        node("r1", RELU, "d1"),
        node("d2", dense(20, 16, seed=1), "r1"),
        node("r2", RELU, "d2"),
        node("d3", dense(16, 4, seed=2), "r2"),
        node("y", OUTPUT, "d3"),
    )


PLAIN = Stages(thresholds="maximum", initial_voltage="zero", potential=False, read_out="whole", samples=400)


def test_the_chain_fits_weights_and_tells():
    graph = lossy()
    samples, unseen = samples_for(graph, 400), samples_for(graph, 200, seed=10)
    without, _ = calibrated(graph, samples, stages=PLAIN)
    with_weights, report = calibrated(graph, samples, stages=replace(PLAIN, weights=True))
    entries = {entry.layer: entry for entry in report.layers}
    assert entries["d2"].code == "weights-calibrated"
    assert "→" in entries["d2"].figures["weights"]
    assert entries["d1"].code == "linear"  # it receives the samples themselves
    assert entries["d1"].figures["weights"].startswith("unchanged")
    assert "weights" not in entries["d3"].figures
    changed = [
        name
        for name, place in with_weights.nodes.items()
        if isinstance(place.op, Dense) and place.op.kernel is not without.nodes[name].op.kernel
    ]
    assert changed == ["d2"]
    model = graph.evaluate({"x": unseen[0]})["y"]
    rates = with_weights.evaluate({"x": unseen[0]})["y"]
    assert not np.allclose(rates, model, rtol=1e-3)

    from spikeport.backends import backend_named

    errors = [
        np.mean((backend_named("cpu").deploy(made).run(unseen, 8).outputs["y"] - model) ** 2)
        for made in (without, with_weights)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_it_is_off_unless_asked_for():
    graph = residual()
    made, report = calibrated(graph, samples_for(graph))
    for name in ("c1", "c2", "d"):
        assert made.nodes[name].op.kernel is graph.nodes[name].op.kernel
    assert "weights-calibrated" not in [entry.code for entry in report.layers]


def test_a_network_with_fitted_weights_can_be_saved(small_h5, tmp_path):
    x = small_files.samples(60)
    net = spikeport.convert(small_h5, x, target_steps=2, stages=Stages(weights=True))
    net.save(tmp_path / "net.h5")
    loaded = spikeport.load(tmp_path / "net.h5")
    np.testing.assert_array_equal(loaded.run(x).output, net.run(x).output)
    assert any(isinstance(place.op, Neurons) for place in loaded.graph.nodes.values())
