"""Two phases: what the first one sees, what the corrections make of it, what the second does with it, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import small_files
import spikeport
from neuron_cases import NEURONS, STEPS, currents, each_current, one_population, population
from spikeport import COS, SRP, UsageError
from spikeport.backends.cpu.backend import CpuBackend
from spikeport.converter.dynamics import PopulationState, Signal, fire
from spikeport.converter.dynamics.kernels import integrate
from spikeport.converter.ops import Array, Neurons
from spikeport.converter.spiking import PRESETS

ONE = np.ones(1, np.float32)


def watched_by_definition(op: Neurons, z: Array) -> tuple[Array, Array, Array]:
    """The final voltage and the extremes, for currents ``(steps, neurons)``."""
    state, theta = op.start((NEURONS,)), op.threshold_of((NEURONS,))
    lowest, highest = np.full(NEURONS, np.inf), np.full(NEURONS, -np.inf)
    for row in z:
        n = op.step(state, row / theta)
        lowest = np.where(n > 0, np.minimum(lowest, state.voltage), lowest)
        highest = np.where(n < op.n_max, np.maximum(highest, state.voltage), highest)
    return state.voltage, lowest, highest


@each_current
@pytest.mark.parametrize("n_max", [1, 4])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_the_kernel_watches_the_voltage(kind, n_max, compiled):
    op, z = population((0, n_max)), currents(kind)
    state = PopulationState.start(op, (NEURONS,), 2).watched()
    each = op.threshold_of((NEURONS,)), op.voltage_of((NEURONS,)), op.correction_of((NEURONS,))
    both, events = np.stack([z, -z], axis=1), np.empty((STEPS, 2, NEURONS), np.int8)
    kernel = integrate if compiled else integrate.py_func
    kernel(both, False, STEPS, *each, 0, n_max, events, state.values, state.extremes, None)
    for sample, current in enumerate((z, -z)):
        final, lowest, highest = watched_by_definition(op, current)
        assert np.array_equal(state.values[sample, 0], final)
        assert np.array_equal(state.values[sample, 1], events[:, sample].sum(axis=0))
        assert np.array_equal(state.extremes[sample], [lowest, highest])


@each_current
def test_silent_neurons_send_nothing_and_the_others_what_they_would(kind):
    op, z = population((0, 1)), Signal(currents(kind)[:, None], False)
    free = fire(op, (NEURONS,), z, STEPS)
    state = PopulationState.start(op, (NEURONS,), 1)
    state.silent = np.arange(NEURONS)[None] % 2 == 0
    sent = fire(op, (NEURONS,), z, STEPS, None, state)
    assert np.array_equal(sent, np.where(state.silent, 0, free))
    assert free[..., ::2].any()


# currents of the first phase for one neuron with θ = 1, v0 = ½ and its n_max, and what the corrections make of v0 and
# of the mask; worked out by hand
JUDGED: dict[str, tuple[list[float], int, float, bool]] = {
    "fired as it should": ([0.25, 0.25, 0.25, 0.25], 1, 0.5, False),
    "silent as it should": ([0.1, 0.1, 0.1, 0.1], 1, 0.5, False),
    "negative, never fired": ([-0.5, -0.5, 0.0, 0.0], 1, 0.5, True),
    # pre-reset 1.2 at its only event; then -1.3: one event too many, and one threshold is enough
    "fired too early": ([0.7, -0.5, -0.5, -0.5], 1, 0.5 - 1.0, True),
    # pre-reset 2.6: it takes 2.6 - 0.999
    "fired too early, far above": ([2.1, -3.0, 0.0, 0.0], 1, 0.5 - 1.601, True),
    # 1.7 are left after an event in each step but the first, in which it had -1.5
    "fired too late": ([-2.0, 3.0, 1.1, 1.6], 1, 0.5 + 2.501, False),
    "fires in each step": ([2.0, 2.0, 2.0, 2.0], 1, 0.5, False),
    # of 0.5 + 2.6 it sends 3 and has 0.1 left; it takes 1, for one event of the three
    "graded, one too many": ([2.6, -1.0, 0.0, 0.0], 4, 0.5 - 1.0, True),
}


@pytest.mark.parametrize(("z", "n_max", "v0", "silent"), JUDGED.values(), ids=JUDGED)
def test_the_corrections_follow_the_papers(z, n_max, v0, silent):
    op = Neurons(threshold=ONE, scale=ONE, n_max=n_max)
    seen = PopulationState.start(op, (1,), 1).watched()
    before = fire(op, (1,), Signal(np.reshape(z, (-1, 1, 1)), False), len(z), None, seen).sum()
    for correction in (COS(steps=4), SRP(steps=4)):
        beginning = PopulationState.start(op, (1,), 1)
        correction.judge(seen, beginning, beginning.values[:, 0].copy())
        if isinstance(correction, COS):
            assert beginning.values[0, 0] == pytest.approx([v0])
            assert beginning.silent is None
            again = fire(op, (1,), Signal(np.reshape(z, (-1, 1, 1)), False), len(z), None, beginning).sum()
            assert again - before == np.sign(v0 - 0.5)  # exactly one event appears or disappears
        else:
            assert np.array_equal(beginning.silent, [[silent]])
            assert beginning.values[0, 0] == pytest.approx([0.5])


@pytest.fixture(scope="module")
def binary(small_h5) -> spikeport.SpikingNetwork:
    """Four classes, binary neurons."""
    return spikeport.convert(small_h5, small_files.samples(32), target_steps=4, neurons="binary")


X = small_files.samples(40)
CHOICES: dict[str, tuple[Any, int]] = {
    "SRP": (SRP(steps=3), 3),
    "srp": ("srp", 4),
    "COS": (COS(steps=5), 5),
    "cos": ("cos", 4),
    "COS, two rounds": (COS(steps=4, rounds=2), 8),
}
each_choice = pytest.mark.parametrize(("choice", "extra"), CHOICES.values(), ids=CHOICES)


@each_choice
def test_the_first_phase_is_counted(binary, choice, extra):
    result, plain = binary.run(X, 4, correction=choice), binary.run(X, 4)
    assert (result.n_steps, result.extra_steps, plain.extra_steps) == (4, extra, 0)
    assert result.outputs_over_time["scores"].shape == plain.outputs_over_time["scores"].shape
    first = binary.run(X, result.extra_steps if choice not in ("cos",) else 4)
    name = next(iter(first.spike_counts))
    if getattr(choice, "rounds", 1) == 1:  # its events are those of a plain run of τ steps, and some are in phase two
        assert (result.spike_counts[name] >= first.spike_counts[name]).all()
        assert (result.synaptic_operations >= first.synaptic_operations).all()
    assert result.spike_counts[name].sum() > first.spike_counts[name].sum()


@each_choice
def test_samples_do_not_depend_on_the_batch(binary, choice, extra):
    whole, cut = binary.run(X, 4, correction=choice), binary.run(X, 4, correction=choice, memory=20_000)
    assert np.array_equal(whole.output, cut.output)
    for name, counts in whole.spike_counts.items():
        assert np.array_equal(counts, cut.spike_counts[name])
    assert (cut.extra_steps, len(cut.synaptic_operations)) == (extra, 40)


def test_a_network_without_anything_to_correct_stays_the_same():
    graph = one_population(population((0, 1), initial_voltage=0.5), (NEURONS,))
    x = np.abs(currents("constant")[:3]).astype(np.float32) / 4
    plain = CpuBackend().deploy(graph).run([x], 8)
    for choice in ("srp", "cos"):
        corrected = CpuBackend().deploy(graph, correction=choice).run([x], 8)
        assert np.array_equal(corrected.output, plain.output)


# correction, steps of the second phase, and what the error against the rates has to stay below, as a part of that
# without a correction; the weights are random, so that inputs come unevenly, and what is left is quantisation
ERRORS: dict[str, tuple[Any, int, float]] = {
    "SRP": (SRP(steps=4), 2, 0.96),
    "COS": (COS(steps=4), 2, 0.97),
    "COS, as many steps in both phases": (COS(steps=8, rounds=3), 8, 0.95),
}


@pytest.mark.parametrize(("correction", "n_steps", "part"), ERRORS.values(), ids=ERRORS)
def test_a_correction_brings_uneven_inputs_nearer(correction, n_steps, part):
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, (400, 6)).astype(np.float32)
    graph = three_layers(rng)
    rates = graph.evaluate({"x": x})["y"]
    outputs = [CpuBackend().deploy(graph, correction=c).run([x], n_steps).output for c in (None, correction)]
    plain, corrected = (float(np.sqrt(np.mean((o - rates) ** 2))) for o in outputs)
    assert corrected < part * plain


def test_a_further_round_finds_nothing_where_all_layers_are_corrected():
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, (50, 6)).astype(np.float32)
    graph = three_layers(rng)
    some, more = (CpuBackend().deploy(graph, correction=COS(steps=8, rounds=n)).run([x], 8) for n in (3, 6))
    assert np.array_equal(some.output, more.output)
    assert (some.extra_steps, more.extra_steps) == (24, 48)


def three_layers(rng: np.random.Generator) -> Any:
    from graphs import OUTPUT, graph_of, node
    from spikeport.converter.ops import Dense, Input

    def dense(inputs: int, units: int) -> Dense:
        kernel = rng.normal(size=(inputs, units)) * 1.5 / np.sqrt(inputs)
        return Dense(kernel=kernel.astype(np.float32), bias=np.zeros(units, np.float32))

    neurons = Neurons(threshold=4 * ONE, scale=4 * ONE)
    return graph_of(
        node("x", Input(shape=(6,))),
        node("a", dense(6, 48), "x"),
        node("r", neurons, "a"),
        node("b", dense(48, 48), "r"),
        node("s", neurons, "b"),
        node("c", dense(48, 24), "s"),
        node("t", neurons, "c"),
        node("y", OUTPUT, "t"),
    )


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"correction": "rsp"}, "expected a correction out of srp, cos, received 'rsp'"),
    "number": ({"correction": 4}, "received 4"),
    "sequence": ({"correction": "cos", "x": np.zeros((2, 5, *X.shape[1:]))}, "received a sequence or an encoder"),
    "encoder": ({"correction": "srp", "encoder": "poisson"}, "received a sequence or an encoder"),
    "nengo": (
        {"correction": "srp", "backend": "nengo"},
        "the nengo backend takes the options dt and seed, received corr",
    ),
    "loihi": ({"correction": "srp", "backend": "loihi"}, "the loihi backend takes the options"),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_corrected_is_refused_in_one_sentence(binary, arguments, words):
    if arguments.get("backend") == "loihi":
        pytest.importorskip("nengo_loihi")
    with pytest.raises(UsageError, match=words) as raised:
        binary.run(**{"x": X, "n_steps": 4, **arguments})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(SRP, {"steps": 0}), (SRP, {"rounds": 2}), (COS, {"steps": True}), (COS, {"rounds": 0}), (COS, {"steps": 2.5})],
)
def test_corrections_refuse_numbers_that_mean_nothing(kind, arguments):
    with pytest.raises(UsageError, match="expected"):
        kind(**arguments)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "binary"])
def test_neurons_that_the_first_phase_says_nothing_about_are_refused(name):
    graph = one_population(PRESETS[name].neurons(ONE, ONE), (NEURONS,))
    words = "negative events" if PRESETS[name].n_min < 0 else "a membrane that forgets or draws"
    with pytest.raises(UsageError, match=f"^r: a correction expects plain neurons .*{words}"):
        CpuBackend().deploy(graph, correction="cos")
