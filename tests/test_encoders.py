"""Encoders: what enters a network, that its mean is the value, and that nothing but seed and sample decides it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import real_material
import small_files
import spikeport
from comparison import assert_same_events
from spikeport import UsageError, cli
from spikeport.commands import arguments
from spikeport.converter.ops import sample_keys, uniform
from spikeport.encoders import ENCODERS, ConstantCurrent, Delta, Encoder, Poisson, TimeToFirstSpike

BACKENDS = ("cpu", "nengo")
RNG = np.random.default_rng(3)


def mean_of(encoder: Encoder, x: np.ndarray, n_steps: int) -> np.ndarray:
    """The mean current over the steps for samples ``(samples, …)``."""
    currents = encoder.encode(x[None], n_steps)
    assert len(currents) in (1, n_steps)
    return currents.mean(axis=0)


class Mean(NamedTuple):
    name: str
    encoder: Encoder
    low: float
    high: float
    n_steps: int
    error: float  # of the mean, at most, with the reason


MEANS = [
    Mean("constant", ConstantCurrent(), -1, 1, 5, 0.0),
    # five standard deviations of the mean of n Bernoulli draws: 5·a/(2√n)
    Mean("poisson", Poisson(0, 1), 0, 1, 4096, 5 / 128),
    Mean("poisson-signed", Poisson(-0.5, 2), -0.5, 2, 4096, 2 * 5 / 128),
    Mean("poisson-negative", Poisson(-3, -1), -3, -1, 4096, 3 * 5 / 128),
    Mean("poisson-above-zero", Poisson(1, 3), 1, 3, 4096, 3 * 5 / 128),
    Mean("poisson-outside-its-range", Poisson(0, 1), -2.5, 2.5, 4096, 5 / 128),
    # exact but for rounding
    Mean("first-spike", TimeToFirstSpike(0, 1), 0, 1, 7, 1e-12),
    Mean("first-spike-one-step", TimeToFirstSpike(0, 1), 0, 1, 1, 1e-12),
    Mean("first-spike-signed", TimeToFirstSpike(-0.5, 2, window=1), -0.5, 2, 16, 1e-12),
    Mean("first-spike-above-zero", TimeToFirstSpike(1, 3, window=0.1), 1, 3, 9, 1e-12),
    Mean("first-spike-outside-its-range", TimeToFirstSpike(0, 1), -2, 2, 9, 1e-12),
    # less than a threshold away, at any number of steps
    Mean("delta", Delta(0.125), -2, 2, 3, 0.125),
]


@pytest.mark.parametrize("case", MEANS, ids=lambda case: case.name)
def test_the_mean_current_is_the_value(case):
    x = np.linspace(case.low, case.high, 41).astype(np.float32).reshape(1, 41)
    assert np.abs(mean_of(case.encoder, x, case.n_steps) - x).max() <= case.error


@pytest.mark.parametrize("low", [0.0, -1.0, 0.25], ids=str)
def test_the_error_of_poisson_spikes_falls_with_the_square_root_of_the_steps(low):
    x = RNG.uniform(low, 1, (20, 50))
    errors = [np.sqrt(np.mean((mean_of(Poisson(low, 1), x, n) - x) ** 2)) for n in (64, 256, 1024)]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.15)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.15)


def test_poisson_spikes_are_spikes_and_independent_of_each_other():
    currents = Poisson(-2, 4).encode(np.array([[[-1.0, 0.0, 1.0]]]), 4000)[:, 0]
    assert [set(column) for column in currents.T] == [{-2.0, 0.0}, {0.0}, {4.0, 0.0}]
    spikes = Poisson(0, 1).encode(np.full((1, 30, 40), 0.5), 200).reshape(200, -1)
    for other in (np.roll(spikes, 1, axis=0), np.roll(spikes, 1, axis=1), np.roll(spikes, 40, axis=1)):
        assert abs(np.corrcoef(spikes.reshape(-1), other.reshape(-1))[0, 1]) < 5 / np.sqrt(spikes.size)


def test_large_values_come_first_and_zero_sends_nothing():
    x = np.array([[0.0, 0.05, 0.45, 0.95, 1.0, -0.65]])
    currents = TimeToFirstSpike(-1, 1, window=1).encode(x[None], 10)[:, 0]
    times = [list(np.flatnonzero(column)) for column in currents.T]
    assert times == [[], [9], [5], [0], [0], [3]]
    np.testing.assert_allclose(currents.sum(axis=0), 10 * x[0])
    early = TimeToFirstSpike(-1, 1, window=0.5).encode(x[None], 10)
    assert not early[5:].any()


def test_delta_follows_a_signal_to_within_a_threshold():
    signal = np.cumsum(RNG.normal(size=(200, 3, 7)), axis=0) / 10
    encoder = Delta(0.25)
    currents = encoder.encode(signal, 200)
    assert np.abs(currents - signal).max() < 0.25 + 1e-6
    moves = np.diff(currents, axis=0, prepend=0.0) / 0.25
    np.testing.assert_array_equal(moves, np.rint(moves))
    np.testing.assert_array_equal(encoder.count_events(currents), np.abs(moves).sum(axis=(0, 2)))
    assert 0 < np.abs(moves).sum() < moves.size


class Counted(NamedTuple):
    name: str
    encoder: Encoder
    signal: list[Any]  # (steps or 1, values) of one sample
    n_steps: int
    events: int | None


COUNTED = [
    Counted("constant", ConstantCurrent(), [[1.0, 2.0]], 5, None),
    Counted("poisson-sure", Poisson(0, 1), [[1.0, 0.0]], 5, 5),
    Counted("poisson-twice", Poisson(-1, 1), [[2.0, -3.0]], 5, 25),
    Counted("first-spike", TimeToFirstSpike(-1, 1), [[1.0, 0.0, -0.5, 0.01]], 8, 3),
    Counted("delta-constant", Delta(0.25), [[1.0, -0.6]], 5, 6),
    Counted("delta-there-and-back", Delta(0.5), [[1.0], [1.2], [0.0], [-0.4]], 4, 4),
    Counted("delta-cut", Delta(0.5), [[1.0], [1.2], [0.0], [-0.4]], 2, 2),
]


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: case.name)
def test_events_are_counted(case):
    currents = case.encoder.encode(np.array(case.signal)[:, None], case.n_steps)
    counted = case.encoder.count_events(currents)
    assert (None if counted is None else counted.tolist()) == (None if case.events is None else [case.events])


EACH = [ConstantCurrent(), Poisson(0, 1), Poisson(-1, 1, seed=9), TimeToFirstSpike(0, 1), Delta(0.1)]


@pytest.mark.parametrize("encoder", EACH, ids=repr)
def test_a_samples_currents_depend_on_its_number_and_not_on_those_beside_it(encoder):
    x = RNG.random((1, 9, 4, 3)).astype(np.float32)
    whole = encoder.encode(x, 6)
    np.testing.assert_array_equal(encoder.encode(x, 6), whole)
    parts = [encoder.encode(x[:, a:b], 6, first=a) for a, b in ((0, 1), (1, 5), (5, 9))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    longer = encoder.encode(x, 12)
    if not isinstance(encoder, TimeToFirstSpike):  # whose events depend on all the steps
        np.testing.assert_array_equal(longer[: len(whole)], whole)


def test_seeds_inputs_and_samples_draw_different_numbers():
    x = np.full((1, 2, 500), 0.5)
    encoder = Poisson(0, 1)
    others = (encoder, Poisson(0, 1, seed=1), Poisson(0, 1, seed=-1), encoder.for_input(1, 0, 1))
    drawn = [e.encode(x, 1)[0, sample] for e in others for sample in (0, 1)]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert 0.35 < np.mean(one == other) < 0.65


def test_poisson_spikes_are_drawn_as_random_neurons_draw_with_numbers_of_their_own():
    """Where the seeds are the same, a spike goes with the number of its input, sample, step and value."""
    x = RNG.random((1, 3, 4, 5))
    spikes = Poisson(0, 1, seed=6).for_input(2, 0, 1).encode(x, 7, first=9)
    for sample, step in ((0, 0), (2, 0), (1, 6)):
        drawn = uniform(sample_keys(6, "input 2", 9 + sample, 1), step, 20).reshape(4, 5)
        np.testing.assert_array_equal(spikes[step, sample], x[0, sample] + drawn >= 1)


WRONG = [
    ("range-turned", lambda: Poisson(1, 0), "Poisson: expected low and high, the smallest and the largest"),
    ("range-of-zero", lambda: TimeToFirstSpike(0, 0), "TimeToFirstSpike: expected .* not both zero, received 0 and 0"),
    ("range-endless", lambda: Poisson(0, np.inf), "received 0 and inf"),
    ("range-missing", lambda: Poisson().encode(np.zeros((1, 1, 1)), 2), "received None and None"),
    ("seed", lambda: Poisson(seed=0.5), "seed as a whole number, received 0.5"),
    ("window", lambda: TimeToFirstSpike(window=0), "window above 0 and at most 1, received 0"),
    ("sequence", lambda: TimeToFirstSpike(0, 1).encode(np.zeros((4, 1, 1)), 4), "received a sequence of 4 steps"),
    ("threshold", lambda: Delta(0.0), "threshold above 0, received 0.0"),
    ("threshold-missing", lambda: Delta().encode(np.zeros((1, 1, 1)), 4), "expected a threshold, received none"),
]


@pytest.mark.parametrize(("wrong", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_encoders_refuse_what_they_cannot_use(wrong, words):
    with pytest.raises(UsageError, match=words):
        wrong()


# In a network


@pytest.fixture(scope="module", params=["graded", "binary"])
def net(request, small_h5) -> spikeport.SpikingNetwork:
    return spikeport.convert(small_h5, small_files.samples(32), target_steps=12, neurons=request.param)


X = small_files.samples(6)


@pytest.mark.parametrize("name", ENCODERS)
def test_cpu_and_nengo_send_the_same_events(net, name):
    cpu, nengo = (net.run(X, 12, backend=backend, encoder=name, record=["conv"]) for backend in BACKENDS)
    assert_same_events(cpu.events, nengo.events)
    np.testing.assert_allclose(cpu.output, nengo.output, atol=1e-5)
    if name == "constant":
        assert cpu.input_events is nengo.input_events is None
    else:
        np.testing.assert_array_equal(cpu.input_events, nengo.input_events)
        assert cpu.input_events.min() > 0


@pytest.mark.parametrize("name", ENCODERS)
def test_how_batches_are_cut_changes_no_event(net, name):
    whole, cut = (net.run(X, 12, encoder=name, record=["conv"], batch=batch) for batch in (None, 1))
    assert_same_events(cut.events, whole.events)


@pytest.fixture(scope="module", params=["stochastic", "poisson", "lif"])
def variant_net(request, small_h5) -> spikeport.SpikingNetwork:
    return spikeport.convert(small_h5, small_files.samples(32), target_steps=12, neurons=request.param)


@pytest.mark.parametrize("name", ENCODERS)
def test_random_neurons_behind_an_encoder_fire_the_same_on_both_simulators_and_in_any_batches(variant_net, name):
    how = {"encoder": name, "record": ["conv"]}
    whole = variant_net.run(X, 12, seed=4, **how)
    assert whole.events["conv"].any()
    assert_same_events(variant_net.run(X, 12, seed=4, backend="nengo", **how).events, whole.events)
    assert_same_events(variant_net.run(X, 12, seed=4, batch=1, **how).events, whole.events)
    for backend in BACKENDS:
        later = variant_net.deploy(backend, seed=4).run([X[4:]], 12, first=4, **how)
        assert_same_events(later.events, {"conv": whole.events["conv"][4:]})


def test_the_seeds_of_encoder_and_neurons_are_two(variant_net):
    random = variant_net.provenance["neurons"] != "lif"
    one, neurons, encoder = (
        variant_net.run(X, 12, seed=seed, encoder=Poisson(seed=other), record=["conv"])
        for seed, other in ((0, 0), (1, 0), (0, 1))
    )
    np.testing.assert_array_equal(neurons.input_events, one.input_events)
    assert np.array_equal(neurons.events["conv"], one.events["conv"]) != random
    assert not np.array_equal(encoder.input_events, one.input_events)


# encoder → the largest error after 1,024 steps, of graded and of binary neurons
CLOSE = {
    "constant": (0.001, 0.001),
    "poisson": (0.03, 0.03),  # falls with the square root of the steps
    "first-spike": (0.001, 0.08),  # binary neurons take nothing back: more steps do not help
}


@pytest.mark.parametrize("name", CLOSE)
def test_the_networks_answer_comes_near_that_of_the_rate_network(net, small_h5, name):
    neurons = net.provenance["neurons"]
    fitted = spikeport.convert(small_h5, small_files.samples(32), target_steps=1024, neurons=neurons)
    keras = fitted.run(X, spiking=False).output
    error = np.abs(fitted.run(X, encoder=name).output - keras).max()
    assert error < CLOSE[name][net.provenance["neurons"] == "binary"]


def test_the_range_and_the_threshold_are_those_of_the_calibration(net):
    (node,) = net.graph.inputs
    explicit = net.run(X, 12, encoder=Poisson(node.op.low, node.op.high)).outputs_over_time
    np.testing.assert_array_equal(net.run(X, 12, encoder="poisson").outputs_over_time["scores"], explicit["scores"])
    explicit = net.run(X, 12, encoder=Delta((node.op.high - node.op.low) / 16)).outputs_over_time
    np.testing.assert_array_equal(net.run(X, 12, encoder="delta").outputs_over_time["scores"], explicit["scores"])


def test_scores_are_those_of_one_run_however_many_samples_there_are(net, monkeypatch):
    y = net.run(X, spiking=False).output.argmax(axis=1)
    whole = spikeport.evaluate(net, X, y, 8, encoder="poisson")
    monkeypatch.setattr("spikeport.evaluation._BLOCK", 4)
    cut = spikeport.evaluate(net, X, y, 8, encoder="poisson")
    assert (cut.accuracy, cut.input_events_per_sample) == (whole.accuracy, whole.input_events_per_sample)
    assert whole.input_events_per_sample == net.run(X, 8, encoder="poisson").input_events.mean()
    assert spikeport.evaluate(net, X, y, 8).input_events_per_sample is None


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ("loud", "expected an encoder out of constant, poisson, first-spike, delta, received 'loud'"),
        ("", "expected an encoder out of"),
        (Poisson, "expected an encoder or the name of one"),
        ({"picture": "poisson"}, "for the inputs image, received one for 'picture'"),
    ],
    ids=["name", "empty-name", "class", "input"],
)
def test_what_is_no_encoder_is_refused(net, encoder, words):
    with pytest.raises(UsageError, match=words):
        net.run(X, 2, encoder=encoder)


def test_an_encoder_of_ones_own_is_used(net):
    class Half(Encoder):
        def encode(self, signal, n_steps, *, first=0):
            return signal[:n_steps].astype(np.float64) / 2

    np.testing.assert_array_equal(net.run(X, 8, encoder=Half()).output, net.run(X / 2, 8).output)
    np.testing.assert_array_equal(net.run(X, 8, encoder={"image": Half()}).output, net.run(X / 2, 8).output)


# On the command line


def test_the_command_line_knows_every_encoder():
    assert list(arguments.ENCODERS) == list(ENCODERS)
    for encoder in ENCODERS.values():
        assert encoder.summary
        assert encoder.good_for


def test_run_and_evaluate_take_an_encoder(small_network, small_data, tmp_path, capsys):
    common = [str(small_network), "--data", str(small_data), "--steps", "6", "--encoder", "poisson"]
    out = tmp_path / "out.npz"
    assert cli.main(["run", *common, "--encoder-seed", "4", "-o", str(out)]) == 0
    assert "input events per sample" in capsys.readouterr().out
    net = spikeport.load(small_network)
    expected = net.run(small_files.samples(24), 6, encoder=Poisson(seed=4))
    with np.load(out) as file:
        np.testing.assert_array_equal(file["output"], expected.output)
        np.testing.assert_array_equal(file["input_events"], expected.input_events)
    assert cli.main(["evaluate", *common]) == 0
    assert "input events per sample" in capsys.readouterr().out


@pytest.mark.parametrize("options", [(), ("--encoder", "delta")], ids=["alone", "delta"])
def test_a_seed_without_chance_is_refused(small_network, small_data, options, capsys):
    arguments = ["run", str(small_network), "--data", str(small_data), "--encoder-seed", "1", *options]
    assert cli.main(arguments) == 2
    assert "--encoder-seed: expected with --encoder poisson only" in capsys.readouterr().err


# On real material


@pytest.fixture(scope="module")
def digits_net() -> spikeport.SpikingNetwork:
    calibration, _ = real_material.mnist("train")
    return spikeport.convert(real_material.model_path("18"), calibration[:64], target_steps=64)


@pytest.mark.parametrize(("encoder", "points"), [("poisson", 2.0), ("first-spike", 2.0), ("delta", 2.0)])
def test_mnist_keeps_its_accuracy_through_an_encoder(digits_net, encoder, points):
    images, labels = real_material.mnist("t10k")
    score = spikeport.evaluate(digits_net, images[:200], labels[:200], 64, encoder=encoder)
    assert abs(score.accuracy[-1] - score.keras_accuracy) <= points / 100
