"""Networks that were trained on spikes, on the chip: what fits sends the spikes of cpu; the rest says why not."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import layers, ops

import spikeport
from spikeport import training
from spikeport.converter.ops import is_population
from spikeport.errors import BackendError, UsageError

pytestmark = pytest.mark.loihi
STEPS = 15


def spread(low: float, high: float, seed: int = 1):
    return keras.initializers.RandomUniform(low, high, seed=seed)


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def dense(units: int, bias: tuple[float, float] = (-0.1, 0.15)) -> layers.Layer:
    kernel = spread(-0.4, 0.55, seed=units)
    return layers.Dense(units, kernel_initializer=kernel, bias_initializer=spread(*bias, seed=units + 1))


# what a layer on the chip may be: it stands second and third, behind Leaky neurons of the host
FITS = {
    "leaky": lambda: training.Leaky(0.8, reset="zero", threshold=0.7),
    "leaky, each its own": lambda: training.Leaky(spread(0.5, 1.0), reset="zero", threshold=spread(0.5, 1.2)),
    "no leak": lambda: training.Leaky(1.0, reset="zero"),
    "lif": lambda: training.LIF(0.02, 0.002, threshold=0.6),
    "lif, each its own": lambda: training.LIF(spread(-4.5, -3.5), 0.001),
    "recurrent": lambda: training.RecurrentLIF(0.8, reset="zero", recurrent_initializer=spread(-0.4, 0.3)),
    "lif without rest": lambda: training.LIF(0.01, 0.0),
}
REFUSED = {
    "subtract": (lambda: training.Leaky(0.8), "reset subtracts.*reset='zero'"),
    "lif, subtract": (lambda: training.LIF(reset="subtract"), "reset subtracts.*reset='zero'"),
    "started": (lambda: training.Leaky(0.8, reset="zero", initial_voltage=0.3), "starts with a voltage"),
    "adaptive": (lambda: training.AdaptiveLIF(tau_n=0.05, inc_n=0.03), "adapts.*train with LIF"),
    "adaptive, each": (lambda: training.AdaptiveLIF(tau_rc=spread(-4.5, -3.5)), "adapts.*train with LIF"),
    "cuba": (lambda: training.CubaLIF(0.5, 0.8, reset="zero"), "synapse leaks.*train with Leaky"),
    "recurrent, subtract": (lambda: training.RecurrentLIF(0.8), "reset subtracts.*reset='zero'"),
    "activation": (lambda: training.SpikingActivation("relu", dt=0.5, initial_state=0.5), "several events"),
    "lowpass": (lambda: training.Lowpass(0.004), "a filter or integrator"),
    "alpha": (lambda: training.Alpha(0.004), "a filter or integrator"),
    "integrator": (lambda: training.LeakyIntegrator(0.9), "a filter or integrator"),
}


def model_of(make, *, constant: bool = False) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((7,) if constant else (STEPS, 7))
    x = dense(16)(training.RepeatOverTime(STEPS)(inputs) if constant else inputs)
    x = training.Leaky(0.7, threshold=0.9)(x)
    x = make()(dense(14)(x))
    x = make()(dense(12)(x))
    x = training.Leaky(0.5, reset="zero")(dense(10)(x))
    model = keras.Model(inputs, training.LeakyIntegrator(0.9)(dense(3)(x)))
    for weight in model.weights:
        weight.assign(ops.convert_to_numpy(weight).astype(np.float32))
    return model


def samples(*, constant: bool = False) -> np.ndarray:
    shape = (40, 7) if constant else (40, STEPS, 7)
    return np.random.default_rng(0).random(shape).astype(np.float32)


def populations(net) -> list[str]:
    return [node.name for node in net.graph.nodes.values() if is_population(node.op)]


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", FITS)
def test_what_fits_sends_the_spikes_of_the_cpu_backend(name, constant):
    net, x = spikeport.convert(model_of(FITS[name], constant=constant)), samples(constant=constant)
    record = populations(net)
    assert not [v for v in spikeport.BACKENDS["loihi"].check(net.graph) if v.refused]
    expected = net.run(x, record=record)
    assert all(0.02 < expected.events[name].mean() < 0.9 for name in record[1:])
    exact = net.run(x, backend="loihi", record=record, target="float")
    for place in record:
        assert np.mean(exact.events[place] != expected.events[place]) < 1e-3, place  # float32 in nengo-loihi
        assert np.allclose(exact.spike_counts[place], exact.events[place].sum(axis=(1, 2)))
    np.testing.assert_allclose(exact.output, expected.output, atol=0.02)
    rounded = net.run(x, backend="loihi", record=record)
    for place in record:
        assert np.mean(rounded.events[place] != expected.events[place]) < 0.04, place
    spread_of_outputs = expected.output.std()
    assert np.abs(rounded.output - expected.output).mean() < 0.2 * spread_of_outputs
    np.testing.assert_allclose(rounded.synaptic_operations.sum(), expected.synaptic_operations.sum(), rtol=0.05)


def test_images_go_on_the_chip():
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 1))
    positive = {"kernel_initializer": spread(-0.3, 0.6)}
    x = layers.MaxPooling2D(2)(layers.Conv2D(3, 3, **positive)(image))
    x = training.Leaky(0.5)(training.RepeatOverTime(STEPS)(x))
    x = training.Leaky(0.6, reset="zero")(training.EachStep(layers.Conv2D(4, 2, **positive))(x))
    x = training.LIF(0.02)(layers.Dense(4, **positive)(layers.Reshape((STEPS, -1))(x)))
    model = keras.Model(image, x)
    for weight in model.weights:
        weight.assign(ops.convert_to_numpy(weight).astype(np.float32))
    net, x = spikeport.convert(model), np.random.default_rng(0).random((20, 8, 8, 1)).astype(np.float32)
    expected, exact = net.run(x), net.run(x, backend="loihi", target="float")
    np.testing.assert_allclose(exact.outputs_over_time[net_output(net)], expected.outputs_over_time[net_output(net)])
    on_chip = net.run(x, backend="loihi")
    assert np.abs(on_chip.output - expected.output).mean() < 0.02
    facts = net.deploy("loihi").facts
    assert facts["cores"] >= 2
    assert facts["gains"] == "none: trained thresholds"
    assert on_chip.n_steps == net.target_steps == STEPS


def net_output(net) -> str:
    return next(iter(net.graph.outputs))


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence_before_anything_is_built(name):
    make, words = REFUSED[name]
    net = spikeport.convert(model_of(make))
    refused = [v for v in spikeport.BACKENDS["loihi"].check(net.graph) if v.refused]
    assert refused
    assert all(v.layers for v in refused)
    with pytest.raises(BackendError, match=f"does not go on Loihi: .*{words}.*backend='cpu'"):
        net.run(samples(), backend="loihi")


def test_check_tells_beforehand(tmp_path):
    for make, stays in ((FITS["lif"], True), (REFUSED["cuba"][0], False)):
        model_of(make).save(tmp_path / "model.keras")
        report, graph = spikeport.check(tmp_path / "model.keras", backend="loihi")
        assert graph is not None
        assert report.convertible
        refused = [entry for entry in report.placement if entry.code == "refused-by-backend"]
        assert stays == (not refused)
        assert stays or all("synapse leaks" in entry.detail for entry in refused)


def test_other_reasons_are_told_as_well():
    inputs = keras.Input((STEPS, 7))
    only = keras.Model(inputs, training.LIF()(dense(4)(inputs)))
    with pytest.raises(BackendError, match=r"real values drive it.*put neurons before it"):
        spikeport.convert(only).run(samples(), backend="loihi")
    first = training.Leaky(0.7)(dense(6)(inputs))
    second = training.LIF()(dense(6)(first))
    shortcut = training.LIF()(dense(4)(layers.Concatenate()([first, second])))
    with pytest.raises(BackendError, match=r"0 and 1 steps behind.*leave the shortcut out"):
        spikeport.convert(keras.Model(inputs, shortcut)).run(samples(), backend="loihi")
    first = training.SpikingActivation("relu", dt=0.5, initial_state=0.5)(dense(6)(inputs))
    with pytest.raises(BackendError, match="several events in a step, and an axon"):
        spikeport.convert(keras.Model(inputs, training.LIF()(dense(4)(first)))).run(samples(), backend="loihi")
    first = training.Leaky(0.7)(dense(6)(inputs))
    net = spikeport.convert(keras.Model(inputs, training.LIF()(dense(4, (1.5, 1.6))(first))))
    with pytest.raises(BackendError, match=r"a bias of 1\.\d+ thresholds"):
        net.run(samples(), backend="loihi")


def test_what_only_converted_networks_have_is_refused(tmp_path):
    deployment = spikeport.convert(model_of(FITS["lif"])).deploy("loihi")
    for ask in (
        lambda: deployment.save(tmp_path / "x.h5", 4),
        lambda: deployment.estimate(4),
        lambda: deployment.rates([samples()], 4),
    ):
        with pytest.raises(UsageError, match="trained on spikes"):
            ask()
    with pytest.raises(BackendError, match="target='loihi'"):
        spikeport.convert(model_of(FITS["lif"])).deploy("loihi", target="loihi")
